from skytier_app.command import main

main()

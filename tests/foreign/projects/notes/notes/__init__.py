"""Notes with attachments: an application factory, as Flask's tutorial has it."""

import os
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

db = SQLAlchemy()
migrate = Migrate()
csrf = CSRFProtect()


def create_app(config: dict[str, object] | None = None) -> Flask:
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ["SECRET_KEY"],
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
        UPLOAD_FOLDER=Path(__file__).parent.parent / "uploads",
        **(config or {}),
    )
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)

    from notes import views

    app.register_blueprint(views.pages)
    return app

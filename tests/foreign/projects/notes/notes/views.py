from pathlib import Path

from flask import (
    Blueprint,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.utils import secure_filename

from notes import db
from notes.models import Note

pages = Blueprint("pages", __name__)


@pages.get("/")
def index():
    return render_template("index.html", notes=Note.query.order_by(Note.id).all())


@pages.post("/")
def add():
    note = Note(text=request.form["text"])
    if file := request.files.get("attachment"):
        note.attachment = secure_filename(file.filename)
        file.save(Path(current_app.config["UPLOAD_FOLDER"]) / note.attachment)
    db.session.add(note)
    db.session.commit()
    return redirect(url_for("pages.index"))


@pages.get("/attachments/<name>")
def attachment(name):
    return send_from_directory(current_app.config["UPLOAD_FOLDER"], name, as_attachment=True)

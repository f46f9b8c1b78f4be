"""An operator's own web project, read: what it is, and which of its files travel."""

from skytier.project.files import files, fingerprint
from skytier.project.recognise import recognise
from skytier.project.recognised import Job, Question, Recognised

__all__ = ["Job", "Question", "Recognised", "files", "fingerprint", "recognise"]

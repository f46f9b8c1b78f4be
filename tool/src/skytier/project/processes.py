"""Finds what works beside the web: task queues with their workers."""

from skytier.project.application import application
from skytier.project.kinds import Kind
from skytier.project.recognised import Question, Recognised
from skytier.project.settings import Settings
from skytier.project.tree import Tree

_CELERY = Kind(
    framework="celery",
    interface="",
    classes=frozenset({"celery.Celery", "celery.app.base.Celery"}),
    word="Celery",
    files=("celery.py", "celery_app.py", "worker.py", "tasks.py"),
    names=("app", "celery", "celery_app"),
    factories=("make_celery", "create_celery"),
)
# Django applications whose worker is a command of manage.py.
_OF_DJANGO = {
    "huey.contrib.djhuey": "run_huey",
    "bx_django_utils.huey": "run_huey",
    "django_dramatiq": "rundramatiq",
    "django_q": "qcluster",
    "django_rq": "rqworker",
    "procrastinate.contrib.django": "procrastinate worker",
}
_QUEUES = ("dramatiq", "rq", "huey", "arq", "taskiq", "procrastinate")


def recognise(
    tree: Tree, packages: frozenset[str], settings: Settings | None, manage: str
) -> Recognised:
    """Workers, and a question where a library for them is there and its command is not known.

    `manage` is the path of Django's manage.py.
    """
    apps = settings.texts("INSTALLED_APPS") if settings else set()
    found = _celery(tree, packages, settings, apps)
    for app, command in _OF_DJANGO.items():
        if app in apps and settings:
            because = {"processes.worker": f"{app} is in INSTALLED_APPS."}
            run = {"worker": f"python {manage} {command}"}
            found = found.over(Recognised(processes=run, because=because))
    queues = [name for name in _QUEUES if name in packages]
    if queues and not found.processes:
        asks = f"Which command runs the worker? {queues[0]} is among the packages."
        found = found.over(Recognised(questions={"processes": Question(asks)}))
    return found


def _celery(
    tree: Tree, packages: frozenset[str], settings: Settings | None, apps: set[str]
) -> Recognised:
    several = application(tree, _CELERY)
    if not several:
        return Recognised()
    if len(several) > 1:
        names = [known.name for each in several if (known := tree.importable(each.module))]
        asks = f"Which is Celery's application? There are {' and '.join(names)}."
        return Recognised(questions={"processes": Question(asks, names)})
    found = several[0]
    imported = tree.importable(found.module)
    if imported is None or found.factory:
        return Recognised(questions={"processes": Question("Which command runs Celery's worker?")})
    # Celery looks for celery.py of a package by itself.
    name = imported.name.removesuffix(".celery")
    name = name if name != imported.name else f"{name}:{found.name}"
    at = found.module.at(found.line)
    processes = {"worker": f"celery -A {name} worker"}
    because = {"processes.worker": f"{at}: {found.name} is Celery's application."}
    scheduled = _scheduled(tree, settings)
    if scheduled or "django-celery-beat" in packages or "django_celery_beat" in apps:
        processes["beat"] = f"celery -A {name} beat"
        because["processes.beat"] = f"{scheduled or 'django-celery-beat'} has a schedule."
    return Recognised(processes=processes, because=because)


def _scheduled(tree: Tree, settings: Settings | None) -> str:
    """Where a schedule for Celery is; empty when there is none."""
    if settings:
        for name in ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"):
            if setting := settings.get(name):
                return setting.at
    for module in tree.mentioning("beat_schedule"):
        return module.path
    return ""

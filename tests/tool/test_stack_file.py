"""The stack file: what it may hold, how errors read, and the commented file."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from skytier.costs.rates import Rates
from skytier.errors import SkytierError
from skytier.stackfile import StackFile, load, parse
from skytier.stackfile.automatic import Automatic
from skytier.stackfile.document import commented, keys, reference, toml
from skytier.stackfile.processes import Job, Process
from skytier.stackfile.schedule import Hours

WRONG = {
    "no TOML": ("name shop", 1, "This is not TOML, at column 6: Expected '='"),
    "no end": ('name = "shop"\nimage = """x\n\n', 2, "This is not TOML: Unterminated string"),
    "a key twice": ('name = "a"\nname = "b"\n', 2, "Cannot overwrite a value"),
    "an unknown key with a near one": (
        "[web]\n\ncuont = 3",
        3,
        "web.cuont is not a key. Did you mean web.count?",
    ),
    "a hyphen": ('external-network = "x"', 1, "Did you mean external_network?"),
    "another section's key": ("count = 3", 1, "Did you mean balancer.count or web.count?"),
    "an unknown section": ("[databse]\n", 1, "databse is not a key. Did you mean database?"),
    "an unknown key": (
        "[web]\nxyzzy = 1",
        2,
        "There are flavor, image, packages, root_gib, ",
    ),
    "no section": ("web = 3", 1, "web is a section: [web]"),
    "a list of sections": ("[[web]]\ncount = 1", 1, "web is a section: [web]"),
    "a number in quotes": (
        '[web]\ncount = "3"',
        2,
        'web.count = "3" is not a whole number. Allowed: a number from 1 to 100, or {min = 2',
    ),
    "a truth": ("web.count = true", 1, "web.count = true is not a whole number"),
    "a fraction": ("web.count = 1.0", 1, "web.count = 1.0 is not a whole number"),
    "none": ("web.count = 0", 1, "web.count = 0 is too small"),
    "too many": ("web.count = 101", 1, "web.count = 101 is too large"),
    "a number for a text": ("image = 3", 1, "image = 3 is not a text in quotes"),
    "an empty text": ('image = ""', 1, 'image = "" is empty; leave the key out'),
    "a text for a list": ('ssh_from = "10.0.0.0/8"', 1, "is not a list in brackets"),
    "nobody by SSH": ("ssh_from = []", 1, "ssh_from = [] is empty"),
    "a late line": (
        "# one\n\ndns = [\n '9.9.9.9',\n 'dns.example',\n]",
        3,
        'dns = "dns.example" is not an address',
    ),
    "IPv6": ("dns = ['2001:db8::1']", 1, "is an IPv6 address"),
    "a network that is none": ("api_from = ['office']", 1, "is not an IPv4 network"),
    "IPv6 for SSH without IPv6": (
        "ssh_from = ['0.0.0.0/0', '2001:db8::/32']",
        1,
        "ssh_from has 2001:db8::/32, which needs ipv6 = true",
    ),
    "IPv6 for the API without IPv6": ("api_from = ['2001:db8::1']", 1, "has 2001:db8::1/128"),
    "no IPv4 for SSH": (
        "ipv6 = true\nssh_from = ['2001:db8::/32']",
        2,
        "has no IPv4 network, and Skytier enters the machines by IPv4",
    ),
    "an IPv6 network that is none": ("api_from = ['2001:db8::/200']", 1, "is not a network"),
    "an IPv6 address with a prefix": (
        "api_from = ['2001:db8::7/64']",
        1,
        "write 2001:db8::/64 for all of it, or 2001:db8::7/128",
    ),
    "a prefix of other bits": (
        "ipv6 = true\nipv6_cidr = '2001:db8::/56'",
        2,
        "does not have 64 bits",
    ),
    "a prefix of the wire": ("ipv6_cidr = 'fe80::/64'", 1, "no machine can be reached in"),
    "a prefix of IPv4": ("ipv6_cidr = '10.0.0.0/24'", 1, "is not a network"),
    "a prefix without IPv6": ("ipv6_cidr = '2001:db8::/64'", 1, "needs ipv6 = true"),
    "a pool without IPv6": ("ipv6_pool = 'v6'", 1, "needs ipv6 = true"),
    "a prefix and a pool": (
        "ipv6 = true\nipv6_cidr = '2001:db8::/64'\nipv6_pool = 'v6'",
        3,
        "is not needed with ipv6_cidr",
    ),
    "a prefix for a network that is there": (
        "ipv6 = true\nnetwork = 'n'\nipv6_cidr = '2001:db8::/64'",
        3,
        "is what `network` has already",
    ),
    "IPv6 without a public address": (
        "ipv6 = true\npublic = 'none'",
        1,
        "the machines would have public ones",
    ),
    "IPv6 and a public port": (
        "ipv6 = true\npublic = 'port'\npublic_network = 'provider'",
        1,
        'public is "port", which has IPv4 alone',
    ),
    "IPv6 of a network that is to be made": (
        "ipv6 = true\nnetwork = 'auto'",
        1,
        "is not known before it is made",
    ),
    "an address with a prefix": (
        "api_from = ['203.0.113.7/24']",
        1,
        "write 203.0.113.0/24 for all of it, or 203.0.113.7/32",
    ),
    "a network too large": (
        "cidr = '10.0.0.0/8'",
        1,
        "is too large. Allowed: a private IPv4 network from /16 to /28",
    ),
    "a network too small": ("cidr = '10.0.0.0/29'", 1, "is too small"),
    "a public network": ("cidr = '198.51.100.0/24'", 1, "is not private"),
    "the network of metadata": ("cidr = '169.254.0.0/16'", 1, "is not private"),
    "this machine's network": ("cidr = '127.0.0.0/16'", 1, "is not private"),
    "a short name": ("name = 'a'", 1, 'name = "a" is too short'),
    "a long name": (f"name = '{'a' * 33}'", 1, "is too long"),
    "capitals": ("name = 'Shop'", 1, "has other characters"),
    "a hyphen at the end": ("name = 'shop-'", 1, "a hyphen at an end"),
    "other TLS": (
        "tls = 'ssl'",
        1,
        'tls = "ssl" is not among them. Allowed: "off", "self-signed" or "acme".',
    ),
    "ACME without a domain": ("\ntls = 'acme'", 2, 'tls is "acme", which needs domain and email.'),
    "ACME with two web servers": (
        "tls = 'acme'\ndomain = 'a.example'\nemail = 'a@b.example'\nweb.count = 2\n"
        "balancer.kind = 'none'",
        1,
        'tls is "acme", which needs a balancer where there are 2 web servers',
    ),
    "ACME with more web servers by day": (
        "tls = 'acme'\ndomain = 'a.example'\nemail = 'a@b.example'\n"
        "balancer.kind = 'none'\n[[web.schedule]]\nfrom = '08:00'\nto = '20:00'\ncount = 3",
        1,
        "needs a balancer where there are 3 web servers",
    ),
    "an open API behind a balancer": (
        "api_from = ['192.0.2.0/24']\nweb.count = 2",
        1,
        "with several ones only the balancer has one",
    ),
    "ACME without whom": ("domain = 'a.example'\ntls = 'acme'", 2, "which needs email."),
    "a domain that is none": ("domain = 'localhost'", 1, "is not a full domain name"),
    "a wildcard": ("domain = '*.example.org'", 1, "is not a full domain name"),
    "a label without quotes": (
        "[labels]\ncost.centre = 'x'",
        2,
        'A name with a dot needs quotes in labels: "cost.centre" = "x".',
    ),
    "an e-mail of a list that is none": (
        "email = ['ops@example.org', 'ops']",
        1,
        'email = "ops" is not an e-mail address',
    ),
    "an e-mail that is no text": ("monitor.email = 3", 1, "or several in a list."),
    "an e-mail that is none": ("email = 'ops'", 1, "is not an e-mail address"),
    "an inner floating IP": (
        "floating_ip = '192.168.128.7'",
        1,
        "floating_ip is inside the private network",
    ),
    "a shell for a package": (
        "[web]\npackages = ['htop; reboot']",
        2,
        "is not the name of a package",
    ),
    "a comma in a label": (
        "labels = {team = 'a,b'}",
        1,
        "a comma or a slash in the value of 'team'",
    ),
    "a label of a number": ("[labels]\nteam = 3", 2, "labels.team = 3 is not a text in quotes"),
    "a long label": (f"[labels]\nteam = '{'x' * 42}'", 1, "is too long at 'team', by 1 characters"),
    "an odd label": ("[labels]\n'a=b' = 'c'", 1, "has the key 'a=b'"),
}


@pytest.mark.parametrize(("text", "line", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_one_line_with_its_place(text: str, line: int, said: str) -> None:
    with pytest.raises(SkytierError) as error:
        parse(text, "shop.toml")

    assert error.value.what.startswith(f"shop.toml, line {line}: ")
    assert said in error.value.what
    assert "\n" not in error.value.what


def test_all_that_is_wrong_is_said_at_once_in_the_files_order() -> None:
    with pytest.raises(SkytierError) as error:
        parse("tls = 'ssl'\nnmae = 'shop'\n[web]\ncount = 0\nimage = 7\n")

    lines = [re.findall(r"line (\d+): (\S+)", line) for line in error.value.what.splitlines()]
    assert lines == [[("1", "tls")], [("2", "nmae")], [("4", "web.count")], [("5", "web.image")]]


RIGHT = {
    "nothing": ("", StackFile()),
    "a bare address": ("api_from = ['203.0.113.7']", StackFile(api_from=("203.0.113.7/32",))),
    "a network twice": (
        "ssh_from = ['10.0.0.1', '10.0.0.1/32']",
        StackFile(ssh_from=("10.0.0.1/32",)),
    ),
    "a carrier's network": ("cidr = '100.64.0.0/16'", StackFile(cidr="100.64.0.0/16")),
    "the smallest network": ("cidr = '10.0.0.0/28'", StackFile(cidr="10.0.0.0/28")),
    "the longest label": (f"[labels]\nteam = '{'x' * 41}'", StackFile(labels={"team": "x" * 41})),
    "a domain in capitals": ("domain = 'Shop.Example'", StackFile(domain="shop.example")),
}


@pytest.mark.parametrize(("text", "wanted"), RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_is_read(text: str, wanted: StackFile) -> None:
    assert parse(text) == wanted


def test_the_longest_label_is_a_tag_of_60_characters() -> None:
    (label,) = parse(RIGHT["the longest label"][0]).labels.items()

    assert len("skytier:label:" + "=".join(label)) == 60


def test_a_missing_file_is_all_defaults_unless_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load() == StackFile()
    with pytest.raises(SkytierError, match=r"There is no file shop\.toml"):
        load(Path("shop.toml"))

    Path("skytier.toml").write_text("name = 'shop'")
    assert load().name == "shop"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "is not a text in UTF-8"), (None, "cannot be read: Is a directory")],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "skytier.toml"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(SkytierError, match=said):
        load(path)


def test_a_file_of_windows_is_read_and_its_lines_counted(tmp_path: Path) -> None:
    path = tmp_path / "skytier.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 'shop'\r\n[web]\r\ncount = 2\r\n")
    assert load(path).web.count == 2

    path.write_bytes(b"\xef\xbb\xbfname = 'shop'\r\n[web]\r\ncount = 0\r\n")
    with pytest.raises(SkytierError, match=r"line 3: web\.count"):
        load(path)


def test_every_key_is_documented() -> None:
    for key in keys():
        assert key.meaning.endswith("."), key.dotted
        assert key.holds, key.dotted
        assert key.example is not None, key.dotted


def test_the_commented_file_is_all_defaults_and_each_commented_line_is_good() -> None:
    text = commented({})
    assert parse(text) == StackFile()

    uncommented = re.sub(r"^#(\S+ = )", r"\1", text, flags=re.M)
    assert len(uncommented) == len(text) - len(keys())
    # One of two that exclude each other.
    for other_ways in ("serve|router|ipv6_cidr|ipv6_pool", "run|network|subnet|ipv6_pool"):
        one = re.sub(rf"^({other_ways}|public_network) = .*\n", "", uncommented, flags=re.M)
        assert parse(one).web.packages == ("htop",)
        assert parse(one).application.is_own


def test_what_was_chosen_is_set_with_who_chose_it() -> None:
    text = commented(
        {"image": 'u"24\\', "web.count": 2, "labels": {"cost centre": "7"}},
        {"image": "Picked for its name."},
    )

    assert "Picked for its name.\nimage = " in text
    assert 'labels = {"cost centre" = "7"}' in text
    with pytest.raises(SkytierError, match="cost centre"):
        parse(text)
    assert parse(commented({"image": 'u"24\\', "web.count": 2})) == StackFile.model_validate(
        {"image": 'u"24\\', "web": {"count": 2}}
    )


@pytest.mark.parametrize("value", ['"', "\\", "\x7f", "\n", "ü", "😀", "\x00"])
def test_every_text_survives_as_toml(value: str) -> None:
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


def test_every_kind_of_machine_is_counted() -> None:
    def counted(text: str) -> dict[str, int]:
        return {role: section.machines for role, section in parse(text).machines().items()}

    assert counted("web.count = 3") == {"balancer": 1, "web": 3, "database": 1}
    assert counted("web.count = 3\nbalancer.kind = 'none'") == {"web": 3, "database": 1}
    assert counted("") == {"web": 1, "database": 1}


def test_a_balancer_stays_at_hours_with_one_web_server() -> None:
    night = "[web]\ncount = {}\n[[web.schedule]]\nfrom = '22:00'\nto = '06:00'\ncount = {}"
    for count, at_night in ((3, 1), (1, 3)):
        stack = parse(night.format(count, at_night))
        assert stack.has_balancer
        for hour in (12, 23):
            now = stack.at(datetime(2026, 6, 1, hour, tzinfo=UTC))
            assert now.has_balancer
            assert now.at(datetime(2026, 6, 1, 12, tzinfo=UTC)).has_balancer


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("stack-file.md", StackFile),
        ("stack-file.md", Automatic),
        ("stack-file.md", Hours),
        ("stack-file.md", Process),
        ("stack-file.md", Job),
        ("rates-file.md", Rates),
    ],
)
def test_the_documentation_has_every_key_as_the_model_says_it(
    page: str, model: type[BaseModel]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / page).read_text()

    assert reference(model) in text, "write the table anew: skytier.stackfile.document.reference"


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("'a@example.org'", ("a@example.org",)),
        ("['a@example.org', 'b@example.org']", ("a@example.org", "b@example.org")),
        ("[]", ()),
    ],
)
def test_an_email_is_one_or_several(value: str, held: tuple[str, ...]) -> None:
    text = f"email = {value}\n[monitor]\nsmtp_server = 'mail.example.org:25'\nemail = {value}"
    found = parse(text)
    assert found.email == found.monitor.email == held


WORKER, NIGHTLY = (
    '[[application.process]]\nname = "worker"\nrun = "work"\n',
    '[[application.job]]\nname = "nightly"\nrun = "sweep"\nat = "daily"\n',
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WORKER * 2, "line 6: application.process has the name 'worker', which another one has."),
        (
            WORKER + NIGHTLY.replace("nightly", "worker"),
            "application.job has the name 'worker', which another one has.",
        ),
        (WORKER.replace("worker", "web"), 'name = "web" is the name of something else.'),
        (WORKER.replace("worker", "Worker"), 'name = "Worker" is not a good name.'),
        (WORKER.replace('"work"', '" "'), 'run = " " is not a command of one line.'),
        (WORKER + "count = 0\n", "application.process.count = 0 is too small."),
        (NIGHTLY.replace('run = "sweep"\n', ""), "application.job lacks run."),
        (NIGHTLY.replace("daily", "*/5"), "application.job.at = \"*/5\" has '*/5'"),
        (NIGHTLY.replace("daily", "*-02-30"), 'application.job.at = "*-02-30" never comes.'),
        (NIGHTLY + "timeuot_s = 5\n", "application.job.timeuot_s is not a key."),
    ],
)
def test_a_process_or_a_job_that_cannot_be_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as refused:
        parse(f'[application]\nserve = "a:b"\n{text}')
    assert said in refused.value.what
    assert len(refused.value.what.splitlines()) == 1

"""Credentials: where keys come from, and what is said when there are none."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time
from pathlib import Path
from typing import Any

import athena_local
import harness
import pyathena
import pytest
from pyathena.error import DatabaseError, Error, NotSupportedError, OperationalError

TOKEN = "session/token+with=signs" * 40


@pytest.fixture(scope="module")
def guarded() -> Any:
    """A server that knows temporary keys too: valid ones and expired ones."""
    with athena_local.Server(
        options=[
            f"--temporary=ASIATEMPORARY:temporarysecret:{TOKEN}",
            f"--temporary=ASIAEXPIRED:expiredsecret:{TOKEN}:1700000000",
        ]
    ) as running:
        yield running


@pytest.fixture
def keyless(guarded: athena_local.Server, aws_env: Any) -> dict[str, Any]:
    """Arguments without keys and region."""
    return {"endpoint_url": guarded.url, "s3_staging_dir": guarded.staging_dir}


@pytest.fixture
def db(request: pytest.FixtureRequest, keyless: dict[str, Any]) -> Any:
    driver = harness.Driver(request.param, keyless)
    yield driver
    driver.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "db" in metafunc.fixturenames:
        metafunc.parametrize("db", ["blocking", "asyncio", "uvloop"], indirect=True)


def works(db: harness.Driver, **kwargs: Any) -> None:
    assert db.of(db.connect(**kwargs)).execute("SELECT 1").fetchall() == [(1,)]


def keys_of(server: athena_local.Server) -> dict[str, str]:
    return {
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
    }


def write_files(aws_env: Any, tmp_path: Path, config: str = "", credentials: str = "") -> None:
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)


# -- sources --------------------------------------------------------------------------------------


def test_keys_by_argument(db: harness.Driver, guarded: athena_local.Server) -> None:
    works(db, region_name="us-east-1", **keys_of(guarded))


def test_temporary_keys_by_argument(db: harness.Driver) -> None:
    works(
        db,
        region_name="us-east-1",
        aws_access_key_id="ASIATEMPORARY",
        aws_secret_access_key="temporarysecret",
        aws_session_token=TOKEN,
    )


def test_keys_and_region_by_environment(
    db: harness.Driver, guarded: athena_local.Server, aws_env: pytest.MonkeyPatch
) -> None:
    aws_env.setenv("AWS_ACCESS_KEY_ID", guarded.access_key)
    aws_env.setenv("AWS_SECRET_ACCESS_KEY", guarded.secret_key)
    aws_env.setenv("AWS_DEFAULT_REGION", "us-east-1")
    works(db)
    assert db.connect().region_name == "us-east-1"


def test_temporary_keys_by_environment(db: harness.Driver, aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ACCESS_KEY_ID", "ASIATEMPORARY")
    aws_env.setenv("AWS_SECRET_ACCESS_KEY", "temporarysecret")
    aws_env.setenv("AWS_SESSION_TOKEN", TOKEN)
    aws_env.setenv("AWS_REGION", "us-east-1")
    works(db)


def test_everything_by_environment(
    db: harness.Driver, guarded: athena_local.Server, aws_env: pytest.MonkeyPatch
) -> None:
    for name, value in guarded.environment.items():
        aws_env.setenv(name, value)
    db.settings = {}
    works(db)


def test_profiles_of_the_files(
    db: harness.Driver, guarded: athena_local.Server, aws_env: Any, tmp_path: Path
) -> None:
    pair = f"aws_access_key_id = {guarded.access_key}\naws_secret_access_key={guarded.secret_key}\n"
    write_files(
        aws_env,
        tmp_path,
        "[default]\nregion = us-east-1\n[profile other]\nregion = eu-west-1\n"
        "[profile only config]\n" + pair + "region = us-east-1\n",
        f"[default]\n{pair}[other]\n{pair}",
    )
    works(db)
    assert db.connect().region_name == "us-east-1"
    assert db.connect(profile_name="other").region_name == "eu-west-1"
    works(db, profile_name="other", region_name="us-east-1")
    aws_env.setenv("AWS_PROFILE", "other")
    assert db.connect().region_name == "eu-west-1"


def test_a_temporary_key_of_a_profile(db: harness.Driver, aws_env: Any, tmp_path: Path) -> None:
    write_files(
        aws_env,
        tmp_path,
        "[profile t]\nregion=us-east-1\n",
        "[t]\naws_access_key_id=ASIATEMPORARY\naws_secret_access_key=temporarysecret\n"
        f"aws_session_token={TOKEN}\n",
    )
    works(db, profile_name="t")


PROCESS = """#!/bin/sh
echo x >> {count}
cat <<END
{{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{secret}"{more}}}
END
"""


def make_process(tmp_path: Path, key: str, secret: str, more: str = "") -> tuple[Path, Path]:
    count, program = tmp_path / "count", tmp_path / "my keys"
    program.write_text(PROCESS.format(count=count, key=key, secret=secret, more=more))
    program.chmod(0o755)
    return program, count


def test_a_credential_process(
    db: harness.Driver, guarded: athena_local.Server, aws_env: Any, tmp_path: Path
) -> None:
    program, count = make_process(tmp_path, guarded.access_key, guarded.secret_key)
    write_files(
        aws_env,
        tmp_path,
        f'[profile p]\nregion=us-east-1\ncredential_process = "{program}" --with arguments\n',
    )
    assert not count.exists()
    connection = db.connect(profile_name="p")
    assert not count.exists(), "a connection runs no program"
    for _ in range(3):
        assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]
    assert count.read_text().count("x") == 1


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "failed with status 3"),
        ("echo why not >&2; exit 1", "failed with status 1: why not"),
        ("kill -9 $$", "ended by signal 9"),
        ("echo no json", "malformed"),
        ("echo '{\"Version\": 2}'", "[Vv]ersion"),
        ("echo '{\"Version\": 1}'", "AccessKeyId"),
    ],
)
def test_a_credential_process_that_fails(
    db: harness.Driver, aws_env: Any, tmp_path: Path, script: str, words: str
) -> None:
    program = tmp_path / "broken"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    write_files(aws_env, tmp_path, f"[profile p]\nregion=us-east-1\ncredential_process={program}\n")
    with pytest.raises(OperationalError, match=words) as caught:
        works(db, profile_name="p")
    assert "credential_process" in str(caught.value)


# -- refusals -------------------------------------------------------------------------------------


def test_wrong_keys(db: harness.Driver, guarded: athena_local.Server) -> None:
    with pytest.raises(DatabaseError, match="UnrecognizedClientException"):
        works(
            db,
            region_name="us-east-1",
            aws_access_key_id="AKIANOBODY",
            aws_secret_access_key="secret",
        )
    with pytest.raises(DatabaseError, match="InvalidSignatureException") as caught:
        works(
            db,
            region_name="us-east-1",
            aws_access_key_id=guarded.access_key,
            aws_secret_access_key="not-the-secret-of-this-key",
        )
    assert "not-the-secret" not in str(caught.value)


def test_an_expired_token(db: harness.Driver) -> None:
    with pytest.raises(DatabaseError, match="(?i)expired") as caught:
        works(
            db,
            region_name="us-east-1",
            aws_access_key_id="ASIAEXPIRED",
            aws_secret_access_key="expiredsecret",
            aws_session_token=TOKEN,
        )
    assert TOKEN[:20] not in str(caught.value)


def test_a_missing_profile(db: harness.Driver) -> None:
    with pytest.raises(Error, match="nobody"):
        db.connect(profile_name="nobody", region_name="us-east-1")


def test_a_missing_region(db: harness.Driver, guarded: athena_local.Server) -> None:
    db.settings = {"s3_staging_dir": "s3://b/p/"}
    with pytest.raises(Error, match="(?i)region"):
        db.connect(**keys_of(guarded))


def test_no_credentials_at_all(db: harness.Driver) -> None:
    with pytest.raises(OperationalError, match="(?i)credentials") as caught:
        works(db, region_name="us-east-1")
    assert "session" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "sso",
            "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
            "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n",
        ),
        (
            "sso-old",
            "sso_start_url = https://example.com/start\nsso_region = us-east-1\n"
            "sso_account_id = 123456789012\nsso_role_name = r\n",
        ),
        ("role", "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\n"),
    ],
)
def test_sources_that_need_boto3_are_named(
    db: harness.Driver, aws_env: Any, tmp_path: Path, name: str, body: str
) -> None:
    write_files(aws_env, tmp_path, f"[profile {name}]\nregion = us-east-1\n{body}")
    with pytest.raises(Error, match=r"boto3\.Session\(") as caught:
        works(db, profile_name=name)
    assert "sso" in str(caught.value).lower() or "role" in str(caught.value).lower()


def test_a_role_by_argument_needs_boto3(db: harness.Driver) -> None:
    with pytest.raises(NotSupportedError, match=r"role_arn.*session"):
        db.connect(region_name="us-east-1", role_arn="arn:aws:iam::123456789012:role/r")


# -- sessions -------------------------------------------------------------------------------------


class Frozen:
    def __init__(self, key: str, secret: str, token: str | None) -> None:
        self.access_key, self.secret_key, self.token = key, secret, token


class Keys:
    """As botocore's credentials."""

    def __init__(
        self, key: str, secret: str, token: str | None = None, seconds: float | None = None
    ) -> None:
        self._frozen = Frozen(key, secret, token)
        if seconds is not None:
            now = datetime.datetime.now(datetime.timezone.utc)
            self._expiry_time = now + datetime.timedelta(seconds=seconds)

    def get_frozen_credentials(self) -> Frozen:
        return self._frozen


class Session:
    """As boto3's: hands out keys after a while, and counts how often."""

    region_name = "us-east-1"

    def __init__(self, make: Any, seconds: float = 0) -> None:
        self._make = make
        self._seconds = seconds
        self.asked = 0
        self.threads: list[threading.Thread] = []

    def get_credentials(self) -> Any:
        self.asked += 1
        self.threads.append(threading.current_thread())
        time.sleep(self._seconds)
        made = self._make()
        if isinstance(made, BaseException):
            raise made
        return made


def test_a_session_is_asked_once_and_never_on_the_loops_thread(
    db: harness.Driver, guarded: athena_local.Server
) -> None:
    session = Session(lambda: Keys(guarded.access_key, guarded.secret_key))
    connection = db.connect(session=session)
    for _ in range(3):
        assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]
    assert session.asked == 1
    assert threading.current_thread() not in session.threads


def test_a_slow_session_leaves_the_loop_free(
    loop_kind: str, keyless: dict[str, Any], guarded: athena_local.Server
) -> None:
    session = Session(lambda: Keys(guarded.access_key, guarded.secret_key), 1.5)

    async def main() -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticker = asyncio.ensure_future(tick())
        async with await pyathena.aio_connect(session=session, **keyless) as connection:

            async def ask(number: int) -> Any:
                cursor = connection.cursor()
                await cursor.execute(f"SELECT {number}")
                return await cursor.fetchone()

            assert await asyncio.gather(*(ask(n) for n in range(5))) == [(n,) for n in range(5)]
        ticker.cancel()
        assert ticks > 75
        assert session.asked == 1

    harness.run_on(loop_kind, main())


def test_a_slow_session_costs_no_cpu(keyless: dict[str, Any], guarded: athena_local.Server) -> None:
    session = Session(lambda: Keys(guarded.access_key, guarded.secret_key), 1.5)
    cursor = pyathena.connect(session=session, **keyless).cursor()
    before = time.process_time()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    assert time.process_time() - before < 0.75
    assert session.asked == 1


def test_a_session_that_fails_says_why_and_may_recover(
    db: harness.Driver, guarded: athena_local.Server
) -> None:
    answers: list[Any] = [RuntimeError("the token has expired, run aws sso login")]
    session = Session(lambda: answers[0])
    connection = db.connect(session=session)
    for _ in range(2):
        with pytest.raises(OperationalError, match="RuntimeError: the token has expired, run aws"):
            db.of(connection).execute("SELECT 1")
    answers[0] = Keys(guarded.access_key, guarded.secret_key)
    assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]


def test_a_failing_refresh_leaves_good_keys_in_use(db: harness.Driver) -> None:
    answers: list[Any] = [Keys("ASIATEMPORARY", "temporarysecret", TOKEN, seconds=700)]
    session = Session(lambda: answers[0])
    connection = db.connect(session=session)
    assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]
    answers[0] = RuntimeError("no network today")
    asked = session.asked
    assert db.of(connection).execute("SELECT 2").fetchall() == [(2,)]
    harness.wait_until(lambda: session.asked > asked, 5, "a refresh")
    assert db.of(connection).execute("SELECT 3").fetchall() == [(3,)]


def test_a_session_without_keys(db: harness.Driver) -> None:
    with pytest.raises(OperationalError, match="Unable to locate credentials"):
        db.of(db.connect(session=Session(lambda: None))).execute("SELECT 1")


def test_keys_near_their_end_are_asked_for_again(
    db: harness.Driver, guarded: athena_local.Server
) -> None:
    session = Session(lambda: Keys("ASIATEMPORARY", "temporarysecret", TOKEN, seconds=700))
    connection = db.connect(session=session)
    assert db.of(connection).execute("SELECT 1").fetchall() == [(1,)]
    assert db.of(connection).execute("SELECT 2").fetchall() == [(2,)]
    harness.wait_until(lambda: session.asked >= 2, 5, "a refresh")


def test_keys_that_aws_calls_expired_are_asked_for_again(
    db: harness.Driver, guarded: athena_local.Server
) -> None:
    """The session had old keys in its cache; new ones come within the same query."""
    answers = [
        Keys("ASIAEXPIRED", "expiredsecret", TOKEN),
        Keys("ASIATEMPORARY", "temporarysecret", TOKEN),
    ]
    session = Session(lambda: answers.pop(0) if len(answers) > 1 else answers[0])
    assert db.of(db.connect(session=session)).execute("SELECT 1").fetchall() == [(1,)]
    assert session.asked == 2


def test_two_sessions_never_share_keys(
    keyless: dict[str, Any], guarded: athena_local.Server
) -> None:
    """Also not when the second lives where the first one lived."""
    good = Session(lambda: Keys(guarded.access_key, guarded.secret_key))
    connection = pyathena.connect(session=good, **keyless)
    assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]
    place = id(good)
    del connection, good
    for _ in range(200):
        bad = Session(lambda: Keys("AKIANOBODY", "nothing"))
        if id(bad) == place:
            break
    cursor = pyathena.connect(session=bad, **keyless).cursor()
    with pytest.raises(DatabaseError, match="UnrecognizedClientException"):
        cursor.execute("SELECT 1")
    assert bad.asked >= 1


def test_secrets_are_not_shown(keyless: dict[str, Any], guarded: athena_local.Server) -> None:
    connection = pyathena.connect(region_name="us-east-1", **keys_of(guarded), **keyless)
    for text in (repr(connection), repr(connection.cursor()), repr(vars(connection))):
        assert guarded.secret_key not in text


def test_metadata_calls_wait_for_a_sessions_keys(
    db: harness.Driver, guarded: athena_local.Server
) -> None:
    session = Session(lambda: Keys(guarded.access_key, guarded.secret_key), 0.2)
    names = [item.name for item in db.of(db.connect(session=session)).list_databases(None)]
    assert "default" in names

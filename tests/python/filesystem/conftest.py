from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import athena_local
    import s3_harness
    from pyathena.filesystem._client import S3Client
    from pyathena.filesystem.s3_async import AioS3FileSystem
    from pyathena.filesystem.s3_path import S3Path

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def endpoint(server: athena_local.Server) -> s3_harness.Endpoint:
    """The S3 server beside Athena."""
    import s3_harness

    return s3_harness.Endpoint(server.s3_url, server.access_key, server.secret_key, server.region)


@pytest.fixture(scope="session")
def s3(endpoint: s3_harness.Endpoint) -> s3_harness.Witness:
    """Another client of the server."""
    import s3_harness

    return s3_harness.Witness(endpoint)


@pytest.fixture(scope="session")
def bucket(s3: s3_harness.Witness) -> str:
    """A bucket of this folder's tests."""
    s3.client.create_bucket(Bucket="filesystem-tests")
    return "filesystem-tests"


@pytest.fixture(scope="session")
def versioned_bucket(s3: s3_harness.Witness) -> str:
    """A bucket that keeps versions."""
    s3.client.create_bucket(Bucket="filesystem-versions")
    s3.client.put_bucket_versioning(
        Bucket="filesystem-versions", VersioningConfiguration={"Status": "Enabled"}
    )
    return "filesystem-versions"


@pytest.fixture
def area(bucket: str) -> str:
    """A path below which there is nothing yet."""
    import s3_harness

    return s3_harness.fresh(bucket)


@pytest.fixture
def versioned_area(versioned_bucket: str) -> str:
    """A path below which there is nothing yet, in the bucket that keeps versions."""
    import s3_harness

    return s3_harness.fresh(versioned_bucket)


@pytest.fixture
def here(area: str) -> Callable[[str], S3Path]:
    """Paths in the area by their keys."""
    from pyathena.filesystem.s3_path import S3Path

    return lambda key: S3Path.parse(f"{area}/{key}")


@pytest.fixture
def client(endpoint: s3_harness.Endpoint, aws_env: Any) -> S3Client:
    """What is below the file systems."""
    import s3_harness

    return s3_harness.client_of(endpoint)


@pytest.fixture
def make(endpoint: s3_harness.Endpoint, aws_env: Any) -> Callable[..., AioS3FileSystem]:
    """Makes asynchronous file systems."""
    from pyathena.filesystem.s3_async import AioS3FileSystem

    return lambda **more: AioS3FileSystem(**{"asynchronous": True, **endpoint.arguments, **more})


@pytest.fixture(params=["blocking", "wrapped", "asyncio", "uvloop"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def systems(
    kind: str, endpoint: s3_harness.Endpoint, aws_env: Any
) -> Iterator[s3_harness.FileSystems]:
    """Makes file systems of each kind."""
    import s3_harness

    made = s3_harness.FileSystems(kind, endpoint)
    yield made
    made.close()


@pytest.fixture
def fs(systems: s3_harness.FileSystems) -> Any:
    """A file system of each kind."""
    return systems.make()


@pytest.fixture
def versioning(systems: s3_harness.FileSystems) -> Any:
    """A version aware file system of each kind."""
    return systems.make(version_aware=True)


@pytest.fixture
def traffic(endpoint: s3_harness.Endpoint) -> Iterator[s3_harness.Traffic]:
    """A proxy that counts requests."""
    import s3_harness

    proxy = s3_harness.Traffic(endpoint)
    yield proxy
    proxy.close()

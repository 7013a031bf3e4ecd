"""What S3 keeps beside an object's bytes: metadata, tags, access, versions, uploads, URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pyathena import _core
from pyathena.filesystem import _calls
from pyathena.filesystem._base import BULK_LIMIT, name_of, pop_version
from pyathena.filesystem._drive import Drive
from pyathena.filesystem._params import BUCKET_ACLS, OBJECT_ACLS, check_acl
from pyathena.filesystem._writing import Writes
from pyathena.filesystem.s3_object import (
    S3Metadata,
    S3MultipartUpload,
    S3Object,
    S3ObjectVersion,
)
from pyathena.filesystem.s3_path import S3Path

__all__ = ["Operations"]


class Operations(Writes):
    """All operations of a file system."""

    # -- metadata ----------------------------------------------------------------------------------

    async def metadata(self, drive: Drive, path: str, **params: Any) -> S3Metadata:
        """User metadata and the other properties of an object.

        Raises:
            FileNotFoundError: there is no such object.
            ValueError: the path is a bucket.
        """
        parsed = self.object_path(path, "Cannot get metadata of a bucket.")
        parsed = parsed.pinned_to(pop_version(params))
        return S3Metadata(await _calls.head_object(drive, parsed, **params), parsed)

    async def getxattr(self, drive: Drive, path: str, attr_name: str, **params: Any) -> str | None:
        """A value of the user metadata, if it is set."""
        return (await self.metadata(drive, path, **params)).get(attr_name)

    async def setxattr(
        self,
        drive: Drive,
        path: str,
        copy_kwargs: Mapping[str, Any] | None = None,
        **attributes: str | None,
    ) -> None:
        """Set values of the user metadata, or delete those that are ``None``.

        The object is copied onto itself; its other properties stay.

        Args:
            drive: carries it out.
            path: the object.
            copy_kwargs: parameters of the copy.
            **attributes: the values.

        Raises:
            FileNotFoundError: there is no such object.
            ValueError: the path is a bucket or a version.
        """
        parsed = self.object_path(path, "Cannot set metadata of a bucket.")
        if parsed.version_id is not None:
            raise ValueError("Cannot set metadata of a version.")
        found = S3Metadata(await _calls.head_object(drive, parsed), parsed)
        merged: dict[str, str | None] = {**found, **attributes}
        params = S3Object.from_metadata(found).to_api_repr()
        params["Metadata"] = {name: value for name, value in merged.items() if value is not None}
        params["MetadataDirective"] = "REPLACE"
        if found.etag:
            params["CopySourceIfMatch"] = found.etag
        params.update(copy_kwargs or {})
        try:
            await _calls.copy(drive, parsed, parsed, **params)
        finally:
            self.changed([parsed])

    async def checksum(self, drive: Drive, path: str, refresh: bool = False) -> int:
        """A number that changes when the object does: its ETag; of a directory, a hash."""
        from fsspec.utils import tokenize  # type: ignore[import-untyped]

        entry = await self.info(drive, path, refresh=refresh)
        if entry.type == "file" and entry.etag:
            try:
                return int(entry.etag.strip('"').partition("-")[0], 16)
            except ValueError:
                pass
        return int(tokenize(entry.to_dict()), 16)

    async def modified(self, drive: Drive, path: str) -> datetime | None:
        """When the object was written; ``None`` of directories."""
        moment: datetime | None = (await self.info(drive, path)).last_modified
        return moment

    # -- tags and access ---------------------------------------------------------------------------

    async def get_tags(self, drive: Drive, path: str) -> dict[str, str]:
        """The tags of an object.

        Raises:
            ValueError: the path is a bucket.
        """
        parsed = self.object_path(path, "Cannot get tags of a bucket.")
        response = await _calls.get_object_tagging(drive, parsed)
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    async def put_tags(
        self, drive: Drive, path: str, tags: Mapping[str, str], mode: str = "o"
    ) -> None:
        """Set the tags of an object.

        Args:
            drive: carries it out.
            path: the object.
            tags: at most 10.
            mode: "o": instead of those it has; "m": in addition.

        Raises:
            ValueError: another mode, or the path is a bucket.
        """
        parsed = self.object_path(path, "Cannot put tags to a bucket.")
        if mode == "m":
            tags = {**await self.get_tags(drive, path), **tags}
        elif mode != "o":
            raise ValueError(f"Mode must be {{'o', 'm'}}, not {mode}.")
        await _calls.put_object_tagging(
            drive, parsed, [{"Key": name, "Value": value} for name, value in tags.items()]
        )

    async def chmod(
        self, drive: Drive, path: str, acl: str, recursive: bool = False, **params: Any
    ) -> None:
        """Give an object or a bucket a canned access control list.

        Args:
            drive: carries it out.
            path: the object or the bucket.
            acl: the list's name.
            recursive: all objects below the path, and the bucket if it is one.
            **params: of the requests.

        Raises:
            ValueError: no such list.
        """
        parsed = S3Path.parse(name_of(path).rstrip("/"))
        paths = [parsed]
        if recursive:
            check_acl(acl, OBJECT_ACLS)
            keys = await self.keys_below(drive, parsed)
            paths = [S3Path(parsed.bucket, key) for key in keys]
            if parsed.is_bucket:
                check_acl(acl, BUCKET_ACLS)
                paths.append(parsed)
        else:
            check_acl(acl, BUCKET_ACLS if parsed.is_bucket else OBJECT_ACLS)

        async def chmod_one(one: S3Path) -> None:
            if one.is_bucket:
                await _calls.put_bucket_acl(drive, one, acl, **params)
            else:
                await _calls.put_object_acl(drive, one, acl, **params)

        await drive.gather((chmod_one(one) for one in paths), BULK_LIMIT)

    def sign(
        self, path: str, expiration: int = 3600, client_method: str = "get_object", **params: Any
    ) -> str:
        """A URL that allows whoever has it a request for ``expiration`` seconds (at most 604,800).

        Args:
            path: the object.
            expiration: for how long.
            client_method: boto3's name of the request.
            **params: of the request.

        Raises:
            ValueError: the path has no key, or there is no such request.
        """
        parsed = S3Path.parse(name_of(path))
        return _calls.presign(self.client, parsed, client_method, expiration, **params)

    # -- versions and uploads ----------------------------------------------------------------------

    async def object_version_info(
        self, drive: Drive, path: str, delete_markers: bool = False
    ) -> list[S3ObjectVersion]:
        """The versions of an object, the newest first, or of all objects below a prefix.

        Args:
            drive: carries it out.
            path: object, prefix or bucket.
            delete_markers: delete markers too, behind the versions.
        """
        parsed = S3Path.parse(name_of(path))
        bucket, key = parsed.bucket, parsed.key or ""
        versions: list[S3ObjectVersion] = []
        markers: list[S3ObjectVersion] = []
        kinds = {_core.S3_VERSION: versions, _core.S3_DELETE_MARKER: markers}
        pages = _calls.list_pages(drive, _core.S3_LIST_VERSIONS, bucket, prefix=key or None)
        async for page in pages:
            for entry in page:
                if (into := kinds.get(entry[0])) is not None:
                    into.append(S3ObjectVersion.from_entry(bucket, entry[:8]))
            await drive.breathe()
        found = versions + markers if delete_markers else versions
        if not key:
            return found
        own = [version for version in found if version.key == key]
        below = key if key.endswith("/") else f"{key}/"
        return own or [version for version in found if version.key.startswith(below)]

    async def list_multipart_uploads(self, drive: Drive, path: str) -> list[S3MultipartUpload]:
        """The multipart uploads under way to an object or below a prefix."""
        parsed = S3Path.parse(name_of(path).removesuffix("/"))
        bucket, key = parsed.bucket, parsed.key or ""
        uploads: list[S3MultipartUpload] = []
        pages = _calls.list_pages(drive, _core.S3_LIST_UPLOADS, bucket, prefix=key or None)
        async for page in pages:
            for entry in page:
                if entry[0] != _core.S3_UPLOAD:
                    continue
                if not key or entry[1] == key or entry[1].startswith(f"{key}/"):
                    uploads.append(_upload(bucket, entry))
            await drive.breathe()
        return uploads

    async def clear_multipart_uploads(self, drive: Drive, path: str) -> None:
        """Abort the multipart uploads under way to an object or below a prefix."""
        uploads = await self.list_multipart_uploads(drive, path)

        async def abort(upload: S3MultipartUpload) -> None:
            try:
                await _calls.abort_multipart_upload(
                    drive, S3Path(upload.bucket or "", upload.key), upload.upload_id or ""
                )
            except FileNotFoundError:
                pass  # ended meanwhile

        await drive.gather((abort(upload) for upload in uploads), BULK_LIMIT)


def _upload(bucket: str, entry: tuple[Any, ...]) -> S3MultipartUpload:
    _, key, _, _, moment, storage_class, _, _, _, upload_id, owner_id, owner_name = entry
    response: dict[str, Any] = {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload_id,
        "StorageClass": storage_class or None,
        "Initiated": datetime.fromtimestamp(moment, timezone.utc) if moment else None,
    }
    if owner_id or owner_name:
        response["Owner"] = {"ID": owner_id or None, "DisplayName": owner_name or None}
    return S3MultipartUpload(response)

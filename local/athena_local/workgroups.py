"""Work groups and their configuration."""

from __future__ import annotations

from typing import Any

from .errors import invalid_request
from .s3 import split_uri
from .store import Store

NAME_PATTERN = r"[a-zA-Z0-9._-]{1,128}"
_ENGINE = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}
_REMOVALS = {
    "RemoveOutputLocation": "OutputLocation",
    "RemoveEncryptionConfiguration": "EncryptionConfiguration",
    "RemoveExpectedBucketOwner": "ExpectedBucketOwner",
    "RemoveAclConfiguration": "AclConfiguration",
}


class WorkGroups:
    """All work groups; ``primary`` is always there."""

    def __init__(self, store: Store, now: float) -> None:
        self._store = store
        self._groups: dict[str, dict[str, Any]] = {
            name: body for _, name, body in store.all("workgroup")
        }
        if "primary" not in self._groups:
            configuration = _defaults()
            configuration["EnforceWorkGroupConfiguration"] = False
            self._put("primary", configuration, "", now)

    def _put(self, name: str, configuration: dict[str, Any], description: str, now: float) -> None:
        self._groups[name] = {
            "Name": name,
            "State": "ENABLED",
            "Configuration": configuration,
            "Description": description,
            "CreationTime": round(now, 3),
        }
        self._save(name)

    def _save(self, name: str) -> None:
        self._store.put("workgroup", "", name, self._groups[name])

    def require(self, name: str) -> dict[str, Any]:
        """A work group; InvalidRequestException when there is none."""
        found = self._groups.get(name)
        if found is None:
            raise invalid_request(f"WorkGroup {name} is not found.")
        return found

    def summaries(self) -> list[dict[str, Any]]:
        """What ListWorkGroups tells."""
        return [
            {
                "Name": name,
                "State": group["State"],
                "Description": group["Description"],
                "CreationTime": group["CreationTime"],
                "EngineVersion": _ENGINE,
            }
            for name, group in sorted(self._groups.items())
        ]

    def create(self, document: dict[str, Any], now: float) -> None:
        """Adds a work group."""
        name = document["Name"]
        if name in self._groups:
            raise invalid_request("WorkGroup is already created")
        configuration = {**_defaults(), **(document.get("Configuration") or {})}
        configuration["EngineVersion"] = _ENGINE
        _check(configuration)
        self._put(name, configuration, document.get("Description") or "", now)

    def update(self, document: dict[str, Any]) -> None:
        """Changes a work group."""
        group = self.require(document["WorkGroup"])
        configuration = dict(group["Configuration"])
        for name, value in (document.get("ConfigurationUpdates") or {}).items():
            if name == "ResultConfigurationUpdates":
                result = dict(configuration.get("ResultConfiguration") or {})
                for key, item in value.items():
                    if key in _REMOVALS:
                        if item:
                            result.pop(_REMOVALS[key], None)
                    else:
                        result[key] = item
                configuration["ResultConfiguration"] = result
            elif name == "RemoveBytesScannedCutoffPerQuery":
                if value:
                    configuration.pop("BytesScannedCutoffPerQuery", None)
            elif name == "RemoveCustomerContentEncryptionConfiguration":
                if value:
                    configuration.pop("CustomerContentEncryptionConfiguration", None)
            elif name == "ManagedQueryResultsConfigurationUpdates":
                managed = dict(configuration.get("ManagedQueryResultsConfiguration") or {})
                managed.update(value)
                configuration["ManagedQueryResultsConfiguration"] = managed
            elif name != "EngineVersion":
                configuration[name] = value
        _check(configuration)
        group["Configuration"] = configuration
        if "Description" in document:
            group["Description"] = document["Description"]
        if "State" in document:
            group["State"] = document["State"]
        self._save(document["WorkGroup"])

    def delete(self, name: str) -> None:
        """Removes a work group."""
        if name == "primary":
            raise invalid_request("The primary workgroup cannot be deleted")
        self._groups.pop(name, None)
        self._store.delete("workgroup", "", name)


def _defaults() -> dict[str, Any]:
    return {
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EngineVersion": _ENGINE,
    }


def _check(configuration: dict[str, Any]) -> None:
    location = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    managed = (configuration.get("ManagedQueryResultsConfiguration") or {}).get("Enabled")
    if location and managed:
        raise invalid_request(
            "OutputLocation and managed query results cannot be used in one work group"
        )
    if location:
        try:
            split_uri(location)
        except ValueError:
            raise invalid_request(f"outputLocation is not a valid S3 path: {location}") from None

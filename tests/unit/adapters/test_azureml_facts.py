"""Catches credentials in the addresses that Azure ML has of data."""

from crossfade.adapters.registries.azureml_facts import facts

ADDRESS = "https://u:p@acct.blob.core.windows.net/c/x.csv?sv=1&sig=CANARY"


def test_addresses_of_data_are_kept_without_user_and_signature() -> None:
    found = facts(
        {"properties": {"datasets": [{"name": "train", "id": ADDRESS}, {"name": "asset", "id": "azureml:train:1"}]}},
        {"inputs": {"payments": {"uri": ADDRESS}}},
    )
    assert found.lineage is not None
    bare = "https://acct.blob.core.windows.net/c/x.csv"
    assert [(one.name, one.uri) for one in found.lineage.datasets] == [
        ("train", bare),
        ("asset", "azureml:train:1"),
        ("payments", bare),
    ]


def test_what_is_no_address_is_left_out() -> None:
    found = facts({"properties": {"datasets": [{"name": "train", "id": "https://["}, {"name": "bare", "id": 7}]}}, {})
    assert found.lineage is not None
    assert [one.uri for one in found.lineage.datasets] == [None, None]

"""Would catch a signed address that is read in the clear, or shown to people."""

import asyncio

import pytest
from crossfade.adapters.signed import SignedFiles
from crossfade.adapters.web import Guard
from crossfade.ports import SourceError

CANARY = "signature=canary"


@pytest.mark.parametrize(
    ("base", "address", "sentence"),
    [
        ("https://wandb", f"http://store/x?{CANARY}", "is to be read by plain http, which is not done where"),
        ("http://wandb", f"ftp://store/x?{CANARY}", "is not behind http"),
        ("http://wandb", f"http://{CANARY}@store/x", "is not behind http"),
        ("http://wandb", f"http://store:x/x?{CANARY}", "is where no address leads"),
        ("http://127.0.0.1", f"/x?{CANARY}", "where models must not come from"),
        ("http://127.0.0.1", f"http://169.254.169.254/x?{CANARY}", "where models must not come from"),
        ("http://127.0.0.1", f"http://192.168.7.7/x?{CANARY}", "where models must not come from"),
        ("http://127.0.0.1", f"http://10.0.0.1/x?{CANARY}", "where models must not come from"),
        ("http://127.0.0.1", f"http://[fd12::5]/x?{CANARY}", "where models must not come from"),
    ],
)
async def test_an_address_that_leads_astray_is_refused_unshown(base: str, address: str, sentence: str) -> None:
    async def sign() -> str:
        return address

    files = SignedFiles(base, "", Guard(), 1.0, asyncio.Semaphore())
    with pytest.raises(SourceError, match=sentence) as whole:
        await files.whole("the file 'x'", address)
    with pytest.raises(SourceError, match=sentence) as part:
        [_ async for _ in files.read("the file 'x'", "x", sign)]
    await files.close()
    for failure in (whole.value, part.value):
        assert failure.retry, "the registry may sign another one"
        assert "canary" not in f"{failure!r} {failure.__cause__!r}"

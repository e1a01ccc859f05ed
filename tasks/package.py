"""Stage five and six, package and account: tracks become editions, and the accounts say what was made."""

import asyncio
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.packagers import OutputSettings
from tasks.packagers.accounts import Account
from tasks.publish import Published, publish


@task(name="package", task_run_name="editions", cache_policy=NO_CACHE, persist_result=False)
async def package(account: Account, settings: OutputSettings, narrator: str, folder: Path) -> Published:
    """Write the editions and the accounts of a book into `folder`; raises what `publish` raises."""
    published = await asyncio.to_thread(publish, account, settings, narrator, folder)
    for warning in published.warnings:
        get_run_logger().warning(warning)
    get_run_logger().info("%d files in %s", len(published.editions), folder)
    return published

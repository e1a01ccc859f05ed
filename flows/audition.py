"""One request before all others: a service that refuses says so in a second, and not after Prefect has started."""

from collections.abc import Mapping

from flows.interrupts import Interruption
from flows.plan import Plan
from tasks.errors import Transient, Undelivered
from tasks.model import Chunk, Cost, Role
from tasks.settings import Profile
from tasks.store import open_store
from tasks.studio import cost_of, open_studios, speak
from tasks.voices.limits import Bill, Budget


async def audition(plan: Plan, profile: Profile) -> Mapping[str, Cost]:
    """Have the longest missing chunk of the narration spoken into the store, where a service could refuse it.

    Returns what that cost, by the chunk's id. A failure that may pass is left to the run; where there is a fallback, a
    refusal is too. Raises a `ProviderError` that no later attempt would mend, `BudgetExceeded`, `OutputError` and
    `Interrupted`.
    """
    casting = plan.castings[0]
    chunk = _longest_missing(plan)
    if not chunk or not casting.part(chunk).spec.refuses or len(plan.castings) > 1:
        return {}
    bills: list[Bill] = []
    store = open_store(profile.store)
    once = casting.part(chunk).limits.model_copy(update={"attempts": 1})
    async with open_studios((casting,), Budget(profile.limits.budget_usd), store, plan.book.language) as (studio,):
        try:
            interruption = Interruption()
            interruption.heed((studio,), plan.all_scripts)
            await interruption.heeded(speak(chunk, studio, bills, once))
            interruption.check()
        except (Transient, Undelivered):
            return {}
    return {chunk.id: cost_of(bills)}


def _longest_missing(plan: Plan) -> Chunk | None:
    """Find the chunk with which most would come to light: the longest that the narration still has to speak."""
    narration = (chunk for chunk in plan.missing if chunk.role is Role.NARRATION)
    return max(narration, key=lambda chunk: len(chunk.text), default=None)

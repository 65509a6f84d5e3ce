"""What is told of our own messages: a provider's report, or the echo of one that we sent."""

from registry.delivery import apply_reports
from registry.intake.batch import Batch, Steps
from registry.types import DeliveryReport, DeliveryState, Echo


def apply_delivery_reports(batch: Batch) -> Steps:
    """Move outgoing messages' states forward; what we do not know yet waits."""
    if batch.reports:
        reports = [_told_by(r) if isinstance(r, Echo) else r for r in batch.reports]
        changed = yield from apply_reports(reports, now=batch.now)
        batch.result.appeals |= changed


def _told_by(echo: Echo) -> DeliveryReport:
    """An echo of our own message tells that it went out, and under which id."""
    return DeliveryReport(
        channel=echo.channel,
        account=echo.account,
        state=DeliveryState.SENT,
        at=echo.sent_at,
        external_id=echo.external_id,
        message_id=echo.message_id,
        names=True,
        part=echo.part,
    )

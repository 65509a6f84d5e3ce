"""What is told of our own messages: a provider's report, or the echo of one that we sent."""

from registry.delivery import Report, apply_reports
from registry.intake.batch import Batch, Steps
from registry.types import DeliveryReport, DeliveryState, Echo


def apply_delivery_reports(batch: Batch) -> Steps:
    """Move outgoing messages' states forward; what we do not know yet waits."""
    if batch.reports:
        reports = [_echoed(r) if isinstance(r, Echo) else _reported(r) for r in batch.reports]
        changed = yield from apply_reports(reports, now=batch.now)
        batch.result.appeals |= changed


def _echoed(item: Echo) -> Report:
    """An echo of our own message tells that it went out, and under which id."""
    return Report(
        channel=item.channel,
        account=item.account,
        state=DeliveryState.SENT,
        at=item.sent_at,
        external_id=item.external_id,
        message_id=item.message_id,
        links=True,
    )


def _reported(item: DeliveryReport) -> Report:
    return Report(
        channel=item.channel,
        account=item.account,
        state=item.state,
        at=item.at,
        external_id=item.external_id,
        message_id=item.message_id,
        conversation=item.conversation,
        watermark=item.watermark,
        error_code=item.error_code,
        error_reason=item.error_reason,
    )

"""A broker that holds nothing of the tests before: well-known topics are shared by every file that asks for them."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

REQUEST_SECONDS = 20.0


def forget_everything(bootstrap: str) -> None:
    """Delete every topic of ours, and how far every group that nobody is in has read; returns once they are gone.

    A group that still has members, as one has whose process was killed a moment ago, stays: Kafka itself forgets what
    it had committed for a topic that is deleted, a moment later.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topics = [name for name in admin.list_topics(timeout=REQUEST_SECONDS).topics if not name.startswith("__")]
    if not topics:
        return
    for deleted in admin.delete_topics(topics, request_timeout=REQUEST_SECONDS).values():
        deleted.result(REQUEST_SECONDS)
    listed = admin.list_consumer_groups(request_timeout=REQUEST_SECONDS).result(REQUEST_SECONDS)
    groups = [group.group_id for group in listed.valid]
    if not groups:
        return
    for deleted in admin.delete_consumer_groups(groups, request_timeout=REQUEST_SECONDS).values():
        try:
            deleted.result(REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in (KafkaError.NON_EMPTY_GROUP, KafkaError.GROUP_ID_NOT_FOUND):
                raise

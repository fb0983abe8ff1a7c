"""What follows from the settings: the libraries' own keys, and deadlines that nest by construction."""

from datetime import timedelta
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kombu import Queue

from flaskcelery.config.settings import LOOPBACK, Config

# Milliseconds. Postgres ends what takes longer, so that no process waits for ever.
DATABASE_LIMITS = {"statement_timeout": 5000, "lock_timeout": 3000, "idle_in_transaction_session_timeout": 30000}
# A worker takes from its queues in turn. Those for emails have a worker of their own, so that no job delays an email.
OUTBOX_QUEUE, URGENT_QUEUE, JOBS_QUEUE = QUEUES = ("outbox", "urgent", "jobs")


def derive(config: Config) -> Config:
    """Return the keys that the libraries read, worked out from complete settings."""
    is_https = config["PUBLIC_URL"].startswith("https:")
    host = urlsplit(config["PUBLIC_URL"]).hostname or ""
    instance = Path(config["INSTANCE_PATH"])
    sender_name, sender = parseaddr(config["MAIL_DEFAULT_SENDER"])
    database_url = config["DATABASE_URL"] or f"sqlite:///{instance / 'app.db'}"
    direct_url = config["DATABASE_MIGRATION_URL"]
    migrations = {"migrations": {"url": direct_url, **_engine_options(direct_url)}} if direct_url else {}
    return {
        **_deadlines(config),
        "SQLALCHEMY_DATABASE_URI": database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(database_url, is_pooled=bool(direct_url)),
        "SQLALCHEMY_BINDS": migrations,
        "CELERY": _celery(config, instance / "broker"),
        "TRUSTED_HOSTS": sorted({host, *(LOOPBACK if host in LOOPBACK or config["APP_ENV"] == "development" else ())}),
        "SESSION_COOKIE_NAME": "__Host-session" if is_https else "session",
        "DEVICE_COOKIE_NAME": "__Host-devices" if is_https else "devices",
        "SESSION_COOKIE_SECURE": is_https,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=90),  # of the cookie; the session's row ends sooner
        "SESSION_REFRESH_EACH_REQUEST": False,
        # No request can carry a cookie of this name: Flask-Login's never expires, and a bad one is answered with a 500.
        "REMEMBER_COOKIE_NAME": ";",
        "WTF_CSRF_TIME_LIMIT": None,  # a form left open over night still works; the session ends the token
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "MAX_FORM_PARTS": 100,
        "MAIL_PORT": config["MAIL_PORT"] or (465 if config["MAIL_USE_SSL"] else 587 if config["MAIL_USE_TLS"] else 25),
        "MAIL_DEBUG": False,  # it would print passwords and links
        "MAIL_DEFAULT_SENDER": formataddr((sender_name or config["SITE_NAME"], sender)),
        "MAIL_MESSAGE_ID_DOMAIN": sender.rpartition("@")[2],
    }


def _deadlines(config: Config) -> dict[str, float]:
    """Seconds: one socket operation < a whole send < the task < the lease on its row."""
    limit = 6 * config["MAIL_TIMEOUT"] + config["SIMULATED_WORK_SECONDS"]
    return {"MAIL_SEND_DEADLINE": 3 * config["MAIL_TIMEOUT"], "TASK_TIME_LIMIT": limit, "OUTBOX_LEASE": 2 * limit}


def _engine_options(url: str, is_pooled: bool = False) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"hide_parameters": True, "connect_args": {"timeout": 15}}  # seconds a writer waits for its turn
    limits = " ".join(f"-c {name}={value}" for name, value in DATABASE_LIMITS.items())
    # A transaction pooler knows neither, as its next transaction can have another connection.
    of_session = {"prepare_threshold": None} if is_pooled else {"options": limits}
    return {
        "hide_parameters": True,  # emails and hashes stay out of error messages
        "pool_size": 8,  # the threads of a web process: a connection above it is closed after each use
        "pool_timeout": 5,
        "skip_autocommit_rollback": True,  # after read_one() there is nothing to roll back
        "connect_args": {"connect_timeout": 3, "tcp_user_timeout": 5000, **of_session},
    }


def _celery(config: Config, folder: Path) -> dict[str, Any]:
    limit = _deadlines(config)["TASK_TIME_LIMIT"]
    embedded = config["CELERY_BROKER_URL"].startswith("embedded:")
    options = {"data_folder_in": folder, "data_folder_out": folder} if embedded else _redis_options(limit)
    return {
        "broker_url": config["CELERY_BROKER_URL"],
        "broker_transport_options": options,
        "broker_use_ssl": _redis_tls(config),  # without it kombu verifies nothing
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_queues": [Queue(name) for name in QUEUES],
        "task_default_queue": OUTBOX_QUEUE,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,  # it would block publishers when Redis is away; the row is the result
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": limit,
        # An embedded worker that holds too few messages sleeps; on Redis others could take them meanwhile.
        "worker_prefetch_multiplier": 4 if embedded else 1,
        "worker_proc_alive_timeout": 30,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": False,
        "worker_redirect_stdouts": False,  # printed emails stay whole
    }


def _redis_tls(config: Config) -> dict[str, Any]:
    """Return redis-py's options for rediss://, which verify the certificate and the host name."""
    if not config["CELERY_BROKER_URL"].startswith("rediss:"):
        return {}
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": config["REDIS_CA_FILE"] or None,  # in addition to the system's
    }


def _redis_options(limit: float) -> dict[str, Any]:
    return {
        "socket_connect_timeout": 5,
        "socket_timeout": 10,
        "visibility_timeout": 10 * limit,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "health_check_interval": 25,
    }

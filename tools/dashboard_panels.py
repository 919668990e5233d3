"""What Grafana's dashboards show: one for operators, one for each daemon. tools/dashboards.py makes them of this."""

from dataclasses import dataclass, field


@dataclass
class Panel:
    """Queries by legend; in them `name@` are the series that the dashboard's variables choose."""
    title: str
    queries: dict
    unit: str = "short"  # as Grafana names it
    about: str = ""
    figure: bool = False  # one number in place of curves
    red: float = None  # of a figure: bad from here on
    red_below: bool = False  # bad up to there instead


@dataclass
class Page:
    title: str
    rows: dict = field(default_factory=dict)


def curve(title, unit="short", about="", **queries):
    """A query without a legend of its own is called by its title."""
    return Panel(title, {legend.replace("_", " "): text for legend, text in queries.items()}, unit, about)


def curves(title, unit, queries, about=""):
    return Panel(title, queries, unit, about)


def figure(title, query, unit="short", red=None, red_below=False, about=""):
    return Panel(title, {"": query}, unit, about, True, red, red_below)


def quantiles(metric):
    return {f"{int(q * 100)} %": f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket@[$__rate_interval])))" for q in (0.5, 0.95, 0.99)}


def rate(metric, by=""):
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}@[$__rate_interval]))"


def calls(room):
    """What daemons do for others: the methods whose names begin with `room`."""
    chosen = f'method=~"({room})[.].+"'
    every = f"sum by (method) (rate(kelp_rpc_requests_total@{{{chosen}}}[$__rate_interval]))"
    failed = f'sum by (method) (rate(kelp_rpc_requests_total@{{{chosen},code!="ok"}}[$__rate_interval]))'
    times = f"sum by (le, method) (rate(kelp_rpc_request_duration_seconds_bucket@{{{chosen}}}[$__rate_interval]))"
    return {"Calls of other daemons": [
        curves("By method", "reqps", {"{{method}}": every}),
        curves("By how they ended", "reqps", {"{{code}}": f"sum by (code) (rate(kelp_rpc_requests_total@{{{chosen}}}[$__rate_interval]))"},
               "Not every error is a fault: not_found, precondition and conflict answer a client."),
        curves("Not ok, by method", "reqps", {"{{method}}": f"{failed} or 0 * {every}"}),
        curves("Time, 99 % are quicker", "s", {"{{method}}": f"histogram_quantile(0.99, {times})"}, "From a call's arrival to its answer."),
        curves("Under way", "short", {"{{instance}}": "kelp_rpc_running_requests@"}),
    ]}


def process(role):
    chosen = f'and on (job, instance) kelp_server_info@{{role=~"{role}"}}'
    return {"Processes": [
        curves("Memory", "bytes", {"{{instance}}": f"kelp_server_resident_bytes@ {chosen}"}),
        curves("CPU", "percentunit", {"{{instance}}": f"rate(kelp_server_cpu_seconds_total@[$__rate_interval]) {chosen}"},
               "1 is one core."),
        curves("Threads that are busy", "percentunit",
               {"{{instance}} {{pool}} {{directory}}": f"rate(kelp_async_pool_busy_seconds_total@[$__rate_interval]) / kelp_async_pool_threads@ {chosen}"},
               "Of the pools that wait for disks and compute checksums."),
        curves("Work that waits for a thread", "short",
               {"{{instance}} {{pool}} {{directory}}": f"rate(kelp_async_pool_waited_seconds_total@[$__rate_interval]) {chosen}",
                "refused a second {{instance}} {{pool}} {{directory}}": f"rate(kelp_async_pool_refused_total@[$__rate_interval]) {chosen}"},
               "How much stands in the queue on average; what finds it full gets 503."),
        curves("Uptime", "s", {"{{instance}}": f"kelp_server_time_seconds@ - kelp_server_start_time_seconds@ {chosen}"}),
        curves("Clock, against Prometheus", "s", {"{{instance}}": f"kelp_server_time_seconds@ - timestamp(kelp_server_time_seconds@) {chosen}"}),
    ]}


OVERVIEW = Page("overview", {
    "Is all well?": [
        figure("Leading masters", "sum(kelp_master_leading@)", red=1, red_below=True),
        figure("Masters away", "max(kelp_master_members@) - max(kelp_master_alive_members@)", red=1),
        figure("Volume servers away", "max(kelp_master_nodes@) - max(kelp_master_alive_nodes@)", red=1),
        figure("Volumes unreadable", "max(kelp_master_unreadable_volumes@)", red=1),
        figure("Volumes at risk", "max(kelp_master_at_risk_volumes@)", red=1, about="They bear no further loss."),
        figure("Volumes short", "max(kelp_master_short_volumes@)", red=1, about="They lack copies or shards."),
        figure("Damaged needles", "sum(kelp_volume_damaged_needles@)", red=1),
        figure("Read-only volumes", "sum(kelp_volume_read_only_volumes@)", red=1),
        figure("Free", "max(kelp_master_free_bytes@) / max(kelp_master_disk_bytes@)", "percentunit", red=0.15, red_below=True),
        figure("Objects", "max(kelp_filer_objects@)"),
        figure("Bytes of objects", "max(kelp_filer_bytes@)", "bytes"),
        figure("Certificates end in", 'min({__name__=~"kelp_.+_certificate_expiry_timestamp_seconds",job=~"$job"}) - time()', "s",
               red=14 * 86400, red_below=True),
    ],
    "Service": [
        curves("Requests", "reqps", {"{{status}}": rate("kelp_s3_requests_total", "status")}),
        curves("Time of requests", "s", quantiles("kelp_s3_request_duration_seconds"), "From a request's head to the end of its answer."),
        curve("Bodies", "Bps", received=rate("kelp_s3_received_bytes_total"), sent=rate("kelp_s3_sent_bytes_total")),
        curve("Room", "bytes", disks="max(kelp_master_disk_bytes@)", free="max(kelp_master_free_bytes@)", objects="max(kelp_filer_bytes@)"),
    ],
    "Upkeep": [
        curves("Jobs under way", "short", {"{{kind}}": "max by (kind) (kelp_master_jobs@)"}),
        curve("Volumes", volumes="max(kelp_master_volumes@)", short="max(kelp_master_short_volumes@)"),
        curve("Copies", "Bps", read=rate("kelp_volume_background_read_bytes_total"), written=rate("kelp_volume_background_written_bytes_total")),
        curve("Scrub and vacuum", "Bps", scrubbed=rate("kelp_volume_scrubbed_bytes_total"), vacuumed=rate("kelp_volume_vacuumed_bytes_total")),
    ],
    "Daemons": [
        curves("Up", "short", {"{{instance}}": 'up{job=~"$job",instance=~"$instance"}'}),
        curves("Versions", "short", {"{{version}} {{role}}": "count by (version, role) (kelp_server_info@)"}),
    ],
})

MASTER = Page("masters", {
    "Group": [
        figure("Leading", "sum(kelp_master_leading@)", red=1, red_below=True),
        figure("Masters", "max(kelp_master_members@)"),
        figure("Volume servers", "max(kelp_master_nodes@)"),
        figure("Volumes", "max(kelp_master_volumes@)"),
        figure("Jobs that fail", "max(kelp_master_standing_jobs@)", red=1),
        figure("Jobs paused", "max(kelp_master_jobs_paused@)", red=1),
        curves("Who leads", "short", {"{{instance}}": "kelp_master_leading@"}),
        curves("Term", "short", {"{{instance}}": "kelp_raft_term@"}, "Each election raises it."),
        curves("Log", "short", {"committed {{instance}}": "kelp_raft_commit_index@", "applied {{instance}}": "kelp_raft_applied_index@"}),
        curves("Writing the log", "s", quantiles("kelp_raft_append_seconds")),
        curve("Commands and elections", "ops", commands=rate("kelp_raft_proposals_total"), elections=rate("kelp_raft_elections_total")),
        curve("Snapshots", "ops", made=rate("kelp_raft_snapshots_made_total"), taken_over=rate("kelp_raft_snapshots_installed_total")),
    ],
    "Volumes": [
        curve("Redundancy", short="max(kelp_master_short_volumes@)", at_risk="max(kelp_master_at_risk_volumes@)",
              unreadable="max(kelp_master_unreadable_volumes@)"),
        curve("Volume servers", all="max(kelp_master_nodes@)", alive="max(kelp_master_alive_nodes@)", slow="max(kelp_master_slow_nodes@)"),
        curves("Jobs under way", "short", {"{{kind}}": "max by (kind) (kelp_master_jobs@)"}),
        curve("Jobs that ended", "ops", well=rate("kelp_master_jobs_done_total"), given_up=rate("kelp_master_jobs_abandoned_total")),
        curve("Leases", "ops", given=rate("kelp_master_leases_total"), refused=rate("kelp_master_lease_refusals_total")),
    ],
    **calls("master|raft"),
    **process("master|server"),
})

VOLUME = Page("volume servers", {
    "Health": [
        figure("Damaged needles", "sum(kelp_volume_damaged_needles@)", red=1),
        figure("Refused volumes", "sum(kelp_volume_refused_volumes@)", red=1),
        figure("Read-only volumes", "sum(kelp_volume_read_only_volumes@)", red=1),
        figure("Failed directories", "sum(kelp_volume_disk_failed@)", red=1),
        figure("Corruptions in an hour", "sum(increase(kelp_volume_corruptions_total@[1h]))", red=1),
        figure("Healed in a day", "sum(increase(kelp_volume_healed_needles_total@[1d]))"),
    ],
    "Disks": [
        curves("Free", "percentunit", {"{{instance}} {{directory}}": "kelp_volume_free_bytes@ / kelp_volume_disk_bytes@"},
               "For new needles, without what is kept back."),
        curves("Quickest write of the last seconds", "s", {"{{instance}} {{directory}}": "kelp_volume_write_seconds@"}),
        curves("Syncs", "ops", {"{{instance}}": rate("kelp_volume_syncs_total", "instance")}),
        curves("Garbage in sealed volumes", "bytes", {"": "max(kelp_volume_sparse_garbage_bytes@)"}),
    ],
    "Traffic": [
        curves("Read", "Bps", {"{{instance}}": rate("kelp_volume_read_bytes_total", "instance")}),
        curves("Written", "Bps", {"{{instance}}": rate("kelp_volume_written_bytes_total", "instance")}),
        curve("Needles", "ops", written=rate("kelp_volume_needles_written_total"), removed=rate("kelp_volume_needles_removed_total"),
              given_up=rate("kelp_volume_uploads_abandoned_total")),
        curve("Reads that needed more than one copy", "ops", hedged=rate("kelp_client_reads_hedged_total"),
              around=rate("kelp_client_reads_around_total"), rebuilt=rate("kelp_client_reads_rebuilt_total")),
    ],
    "Upkeep": [
        curves("Read for copies", "Bps", {"{{instance}}": rate("kelp_volume_background_read_bytes_total", "instance")}),
        curves("Written as copies", "Bps", {"{{instance}}": rate("kelp_volume_background_written_bytes_total", "instance")}),
        curves("Scrubbed", "Bps", {"{{instance}}": rate("kelp_volume_scrubbed_bytes_total", "instance")}),
        curve("Vacuum", "Bps", copied=rate("kelp_volume_vacuumed_bytes_total")),
        curve("Passes of scrub, volumes of vacuum", scrub="sum(increase(kelp_volume_scrub_passes_total@[1d]))",
              vacuum="sum(increase(kelp_volume_vacuumed_volumes_total@[1d]))"),
    ],
    "Cache on an SSD": [
        curve("Pieces", "ops", hits=rate("kelp_volume_cache_hits_total"), misses=rate("kelp_volume_cache_misses_total"),
              came_in=rate("kelp_volume_cache_admitted_total"), made_room=rate("kelp_volume_cache_evicted_total"),
              damaged=rate("kelp_volume_cache_bad_total")),
        curve("Bytes", "bytes", held="sum(kelp_volume_cache_bytes@)"),
        curve("Bytes read from it", "Bps", read=rate("kelp_volume_cache_hit_bytes_total")),
        curves("Off", "short", {"{{instance}}": "kelp_volume_cache_off@"}),
    ],
    **calls("volume"),
    **process("volume|server"),
})

FILER = Page("filers", {
    "What is stored": [
        figure("Buckets", "max(kelp_filer_buckets@)"),
        figure("Objects", "max(kelp_filer_objects@)"),
        figure("Bytes", "max(kelp_filer_bytes@)", "bytes"),
        figure("Of uploads under way", "max(kelp_filer_upload_bytes@)", "bytes"),
        figure("Buckets near their quota", "max(kelp_filer_buckets_near_quota@)", red=1),
        figure("Volumes left out", "max(kelp_filer_failing_volumes@)", red=1),
        curve("Objects", objects="max(kelp_filer_objects@)"),
        curve("Bytes", "bytes", objects="max(kelp_filer_bytes@)", uploads="max(kelp_filer_upload_bytes@)"),
    ],
    "Collector": [
        curves("Needles that wait", "short", {"{{instance}}": "kelp_filer_dead_needles@"}, "Counted up to 10,000."),
        curve("Removed", "ops", needles=rate("kelp_filer_needles_removed_total"), rows=rate("kelp_filer_dropped_rows_total")),
        curve("Found", "ops", orphans=rate("kelp_filer_orphans_buried_total"), parts=rate("kelp_filer_left_over_parts_total")),
        curves("Rounds that failed", "ops", {"{{instance}}": rate("kelp_filer_failed_rounds_total", "instance")}),
    ],
    "Lifecycle": [
        curve("Looked at", "ops", versions=rate("kelp_filer_lifecycle_rows_total")),
        curve("Taken away", "ops", expired=rate("kelp_filer_lifecycle_expired_total"), noncurrent=rate("kelp_filer_lifecycle_removed_total"),
              markers=rate("kelp_filer_lifecycle_markers_total"), uploads=rate("kelp_filer_lifecycle_uploads_total")),
        curve("Moved", "Bps", bytes=rate("kelp_filer_lifecycle_moved_bytes_total")),
        curve("Versions moved, and kept by a lock", "ops", moved=rate("kelp_filer_lifecycle_moved_total"),
              locked=rate("kelp_filer_lifecycle_locked_total")),
        curve("Passes", passes="sum(increase(kelp_filer_lifecycle_passes_total@[1h]))",
              broken_off="sum(increase(kelp_filer_lifecycle_failures_total@[1h]))",
              rules_not_understood="max(kelp_filer_lifecycle_unknown_rules@)"),
    ],
    "Events": [
        curves("Sent", "ops", {"{{target}}": rate("kelp_notify_sent_total", "target")}),
        curves("Failed attempts", "ops", {"{{target}}": rate("kelp_notify_failed_total", "target")}),
        curves("Age of the oldest", "s", {"{{target}}": "max by (target) (kelp_notify_lag_seconds@)"}),
        curves("Cut off", "short", {"{{target}}": "sum by (target) (increase(kelp_notify_gaps_total@[1h]))"}),
    ],
    **calls("filer"),
    **process("filer|server"),
})

S3 = Page("gateways", {
    "Requests": [
        curves("By class of status", "reqps", {"{{status}}": rate("kelp_s3_requests_total", "status")}),
        curves("By operation", "reqps", {"{{operation}}": rate("kelp_s3_requests_total", "operation")}),
        curves("Time", "s", quantiles("kelp_s3_request_duration_seconds"), "From a request's head to the end of its answer."),
        curves("Errors by operation", "reqps",
               {"{{operation}} {{status}}": 'sum by (operation, status) (rate(kelp_s3_requests_total@{status=~"[45]xx"}[$__rate_interval]))'}),
        curve("Bodies", "Bps", received=rate("kelp_s3_received_bytes_total"), sent=rate("kelp_s3_sent_bytes_total")),
        curves("By gateway", "reqps", {"{{instance}}": rate("kelp_s3_requests_total", "instance")}),
    ],
    "Connections": [
        curves("Open", "short", {"http {{instance}}": "kelp_s3_http_connections@", "https {{instance}}": "kelp_s3_https_connections@"}),
        curve("Turned away", "ops", at_the_limit=rate("kelp_s3_http_refused_connections_total"), no_http=rate("kelp_s3_http_refused_heads_total"),
              without_answer=rate("kelp_s3_http_failed_handlers_total")),
        curves("Answers, with those before S3", "reqps", {"{{status}}": rate("kelp_s3_http_requests_total", "status")}),
        curves("Certificate ends in", "s", {"{{instance}}": "kelp_s3_https_certificate_expiry_timestamp_seconds@ - time()"}),
    ],
    "Reads": [
        curve("That needed more than one copy", "ops", hedged=rate("kelp_client_reads_hedged_total"),
              around=rate("kelp_client_reads_around_total"), rebuilt=rate("kelp_client_reads_rebuilt_total")),
    ],
    "Files, IAM and logs": [
        curves("Files over HTTP and WebDAV", "reqps", {"{{method}} {{status}}": rate("kelp_webdav_requests_total", "method, status")}),
        curves("Their time", "s", quantiles("kelp_webdav_request_duration_seconds")),
        curves("IAM and STS", "reqps", {"{{service}} {{status}}": rate("kelp_iam_requests_total", "service, status")}),
        curve("Audit log", "ops", lines=rate("kelp_s3_audit_lines_total"), lost=rate("kelp_s3_audit_dropped_total")),
        curve("Access logs", "ops", objects=rate("kelp_s3_access_log_objects_total"), lines_lost=rate("kelp_s3_access_log_dropped_total")),
    ],
    **process("s3|server"),
})

DASHBOARDS = {"overview": OVERVIEW, "master": MASTER, "volume": VOLUME, "filer": FILER, "s3": S3}

"""When each alert rule fires and when it does not: series in promtool's notation, a value a minute."""

from dataclasses import dataclass


@dataclass
class Case:
    bad: dict
    good: dict
    at: str = "2h"


def gauge(name, bad, good, at="2h", labels='instance="a"', beside=None):
    """A figure that stands at `bad` or at `good` for as long as it takes; `beside` are series of both."""
    def series(value):
        return {f'{name}{{job="kelp",{labels}}}': f"{value}x600", **(beside or {})}
    return Case(series(bad), series(good), at)


def counter(name, bad, good="5+0", at="2h", labels='instance="a"'):
    return gauge(name, bad, good, at, labels)


def of_masters(name, bad, good=0, at="2h", beside=None):
    """A figure of the leading master; the others say 0."""
    others = {f'{name}{{job="kelp",instance="b"}}': "0x600", **(beside or {})}
    return gauge(name, bad, good, at, beside=others)


def of_pair(all_name, alive_name, bad, good, at="2h"):
    return of_masters(alive_name, bad, good, at, {f'{all_name}{{job="kelp",instance="a"}}': "3x600"})


def short(jobs):
    return {'kelp_master_short_volumes{job="kelp",instance="a"}': "2x600", 'kelp_master_jobs_done_total{job="kelp",instance="a"}': jobs}


def request_times(quick, slow):
    """Per minute: so many requests up to 0.5 s, and so many between that and 10 s."""
    name = 'kelp_s3_request_duration_seconds_bucket{job="kelp",instance="a",le='
    return {f'{name}"0.5"}}': f"0+{quick}x600", f'{name}"2.5"}}': f"0+{quick}x600", f'{name}"10"}}': f"0+{quick + slow}x600",
            f'{name}"+Inf"}}': f"0+{quick + slow}x600"}


def requests(errors):
    name = 'kelp_s3_requests_total{job="kelp",operation="GetObject",status='
    return {f'{name}"2xx"}}': "0+1000x600", f'{name}"5xx"}}': f"0+{errors}x600"}


def certificate(days):
    """Ends so many days after the moment that is looked at."""
    return gauge("kelp_s3_https_certificate_expiry_timestamp_seconds", 7200 + days * 86400, 7200 + 40 * 86400)


def room(free):
    return {'kelp_volume_free_bytes{job="kelp",instance="a"}': free, 'kelp_volume_disk_bytes{job="kelp",instance="a"}': "1000x1000"}


INFO = {'kelp_server_info{job="kelp",instance="a",role="s3"}': "1x30 _x600"}

CASES = {
    "KelpNoLeader": of_masters("kelp_master_leading", 0, 1),
    "KelpMastersMissing": of_pair("kelp_master_members", "kelp_master_alive_members", 2, 3),
    "KelpMasterFailed": gauge("kelp_raft_failed", 1, 0),
    "KelpDaemonDown": gauge("up", 0, 1, beside=INFO),
    "KelpRestarts": gauge("kelp_server_start_time_seconds", "0+60", "60+0", at="65m"),
    "KelpVolumesUnreadable": of_masters("kelp_master_unreadable_volumes", 1),
    "KelpVolumesAtRisk": of_masters("kelp_master_at_risk_volumes", 4),
    "KelpVolumesShort": of_masters("kelp_master_short_volumes", 4),
    "KelpVolumeServersMissing": of_pair("kelp_master_nodes", "kelp_master_alive_nodes", 2, 3),
    "KelpRepairStalled": Case(short("7+0x600"), short("7+1x600")),
    "KelpJobsStand": of_masters("kelp_master_standing_jobs", 1),
    "KelpJobsPaused": of_masters("kelp_master_jobs_paused", 1, at="7h"),
    "KelpDamagedNeedles": gauge("kelp_volume_damaged_needles", 1, 0),
    "KelpCorruption": counter("kelp_volume_corruptions_total", "0+1"),
    "KelpVolumesRefused": gauge("kelp_volume_refused_volumes", 1, 0),
    "KelpReadOnlyVolumes": gauge("kelp_volume_read_only_volumes", 1, 0),
    "KelpDiskFailed": gauge("kelp_volume_disk_failed", 1, 0, labels='instance="a",directory="/mnt/disk1"'),
    "KelpSlowDisk": of_masters("kelp_master_slow_nodes", 1),
    "KelpCacheOff": gauge("kelp_volume_cache_off", 1, 0),
    "KelpDiskFull": Case(room("90x600"), room("110x600")),
    "KelpClusterFull": of_masters("kelp_master_free_bytes", 140, 160, beside={'kelp_master_disk_bytes{job="kelp",instance="a"}': "1000x600"}),
    "KelpFullSoon": Case(room("1000000-1000x900"), room("1000000-10x900"), "10h"),
    "KelpLeasesRefused": counter("kelp_master_lease_refusals_total", "0+5"),
    "KelpBucketNearQuota": gauge("kelp_filer_buckets_near_quota", 1, 0),
    "KelpServerErrors": Case(requests(20), requests(5)),
    "KelpSlowRequests": Case(request_times(90, 10), request_times(99, 1)),
    "KelpConnectionsRefused": counter("kelp_s3_http_refused_connections_total", "0+1"),
    "KelpLogLinesLost": counter("kelp_s3_audit_dropped_total", "0+1"),
    "KelpRemoteFails": gauge("kelp_remote_failing", 1, 0, labels='instance="a",remote="cold"'),
    "KelpCertificateExpires": certificate(13),
    "KelpCertificateExpiresNow": certificate(2),
    "KelpClockOff": gauge("kelp_server_time_seconds", "100+60", "10+60"),
    "KelpCollectorFails": counter("kelp_filer_failed_rounds_total", "0+1"),
    "KelpGarbageStays": gauge("kelp_filer_failing_volumes", 1, 0, at="7h"),
    "KelpLifecycleFails": counter("kelp_filer_lifecycle_failures_total", "0+1"),
    "KelpLifecycleUnknown": gauge("kelp_filer_lifecycle_unknown_rules", 1, 0),
    "KelpEventsLate": gauge("kelp_notify_lag_seconds", 1000, 10, labels='instance="a",target="hook"'),
    "KelpEventsLost": counter("kelp_notify_gaps_total", "0+1", labels='instance="a",target="hook"'),
}

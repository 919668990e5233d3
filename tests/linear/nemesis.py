"""What is done to a cluster while it is asked: kills, pauses, cut links. Each is over when its turn ends."""

import time


class Nemesis:
    """`seconds` is how long one lasts; all methods run in the thread that started the cluster."""

    def __init__(self, cluster, rng, note):
        self.cluster, self.random, self.note = cluster, rng, note

    # What can be done; each name is told in the verdict.
    KINDS = ("kill leader", "kill volume", "kill filer", "kill gateway", "pause leader", "pause volume", "pause filer",
             "pause gateway", "cut leader", "cut volume", "cut filer", "part gateway from filer",
             "part leader from masters", "deafen filer to gateway", "deafen gateway to filer",
             "deafen leader to masters", "deafen volume to volumes", "flap leader", "flap filer", "flap volume")

    def run(self, kind):
        how, role = kind.split()[:2]
        daemon = self.one_of(role)
        self.note(f"{kind} begins: {daemon.name}")
        getattr(self, how)(daemon, kind)
        self.note(f"{kind} is over: {daemon.name}")

    def one_of(self, role):
        if role == "leader":
            return self.cluster[self.cluster.wait_leader()]
        return self.random.choice(self.cluster.of(role))

    def hold(self, low, high):
        # How long it lasts is what varies: a time, not a condition.
        time.sleep(self.random.uniform(low, high))

    def kill(self, daemon, _):
        daemon.kill()
        self.hold(0.2, 1.5)
        daemon.start()

    def pause(self, daemon, _):
        daemon.freeze()
        self.hold(0.5, 3)
        daemon.thaw()

    def cut(self, daemon, _):
        self.cluster.cut(daemon.name)
        self.hold(0.5, 2.5)
        self.cluster.heal(daemon.name)

    def peers(self, daemon, kind):
        """Whom the last word of `kind` names, without `daemon`."""
        return [other.name for other in self.cluster.of(kind.split()[-1].removesuffix("s")) if other is not daemon]

    def part(self, daemon, kind):
        others = self.peers(daemon, kind)
        self.cluster.part(daemon.name, others)
        self.hold(0.5, 2.5)
        self.cluster.unpart(daemon.name, others)

    def deafen(self, daemon, kind):
        """The others do not hear it; it hears them."""
        hosts = [self.cluster[name].host for name in self.peers(daemon, kind)]
        for host in hosts:
            self.cluster.net.deafen(daemon.name, host)
        self.hold(0.5, 2.5)
        for host in hosts:
            self.cluster.net.undeafen(daemon.name, host)

    def flap(self, daemon, _):
        for _ in range(self.random.randint(3, 6)):
            self.cluster.cut(daemon.name)
            self.hold(0.05, 0.4)
            self.cluster.heal(daemon.name)
            self.hold(0.05, 0.4)

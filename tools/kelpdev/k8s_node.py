"""The first process of a Kubernetes node of one machine: starts every part of it in its own namespaces, and ends with all of them.

Run by kelpdev.k8s, in namespaces of network, mounts and processes: what it has started is gone when it is gone.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from kelpdev import k8s_binary
from kelpdev.k8s_dns import serve

ADDRESS = "10.10.10.1"  # of the node; pods have 10.244/16 and services 10.96/16
API = f"https://{ADDRESS}:6443"
NODE = "node1"
# Accounts of the parts, as the API server's table of tokens names them.
ACCOUNTS = {
    "admin": ("admin", "system:masters"), "manager": ("system:kube-controller-manager", ""), "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""), "kubelet": (f"system:node:{NODE}", "system:nodes")}
# Where the parts keep things that no flag moves elsewhere: empty places of the node's own lie over the machine's.
OWN = ("/run", "/var/lib", "/var/log")
# Kubelet and kube-proxy want the kernel to have these; they find them, and the machine's stay what they are.
WANTED = {"vm/overcommit_memory": 1, "kernel/panic": 10, "kernel/panic_on_oops": 1}
RUNTIME = """version = 2
root = "{folder}/containerd"
state = "{folder}/run/containerd"
oom_score = 0
[grpc]
  address = "{folder}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""
NETWORK = {"cniVersion": "1.0.0", "name": "kelp", "plugins": [{
    "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}


def kubelet(folder, group):
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{folder}/run/containerd.sock", "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{group}",
        "failCgroupV1": False, "failSwapOn": False, "enforceNodeAllocatable": [], "oomScoreAdj": 0, "maxPods": 60,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
        "clusterDomain": "cluster.local", "clusterDNS": [ADDRESS], "resolvConf": "/dev/null", "imageGCHighThresholdPercent": 100,
        "registryPullQPS": 0, "eventRecordQPS": 0,
        "evictionHard": {"imagefs.available": "1%", "nodefs.available": "1%", "memory.available": "100Mi"}}


def proxy(folder):
    # Answers go back through the node even where the kernel does not filter bridges.
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "iptables", "hostnameOverride": NODE,
        "iptables": {"masqueradeAll": True, "minSyncPeriod": "0s"}, "clientConnection": {"kubeconfig": f"{folder}/account/proxy"},
        "clusterCIDR": "10.244.0.0/16",
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}


def account(folder, name, token):
    """A kubeconfig; kubectl takes JSON as well."""
    (folder / "account" / name).write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "kelp",
        "clusters": [{"name": "kelp", "cluster": {"server": API, "certificate-authority": f"{folder}/pki/apiserver.crt"}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "kelp", "context": {"cluster": "kelp", "user": name}}]}))


def write_files(folder, group, pause):
    for name in ("account", "cni", "pki", "run", "log", "volumes"):
        (folder / name).mkdir()
    subprocess.run(["openssl", "genrsa", "-out", folder / "pki/service.key", "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", folder / "pki/service.key", "-pubout", "-out", folder / "pki/service.pub"], check=True,
                   capture_output=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", "/CN=apiserver", "-addext",
                    f"subjectAltName=IP:{ADDRESS}", "-keyout", folder / "pki/apiserver.key", "-out", folder / "pki/apiserver.crt"],
                   check=True, capture_output=True)
    rows = []
    for name, (user, groups) in ACCOUNTS.items():
        token = os.urandom(16).hex()
        account(folder, name, token)
        rows.append(f"{token},{user},{name}" + (f',"{groups}"' if groups else "") + "\n")
    (folder / "pki/tokens").write_text("".join(rows))
    (folder / "containerd.toml").write_text(RUNTIME.format(folder=folder, pause=pause))
    (folder / "cni/10-kelp.conflist").write_text(json.dumps(NETWORK))
    (folder / "kubelet.json").write_text(json.dumps(kubelet(folder, group)))
    (folder / "proxy.json").write_text(json.dumps(proxy(folder)))


def commands(folder):
    """The parts in the order of their start; the API server must answer before those behind it begin."""
    kubernetes = str(k8s_binary.path())
    store = "http://127.0.0.1:2379"
    first = {
        "etcd": ["etcd", "--data-dir", f"{folder}/etcd", "--listen-client-urls", store, "--advertise-client-urls", store,
                 "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync"],
        "containerd": ["containerd", "--config", f"{folder}/containerd.toml"],
        "apiserver": [
            kubernetes, "apiserver", f"--etcd-servers={store}", f"--bind-address={ADDRESS}", f"--advertise-address={ADDRESS}",
            f"--tls-cert-file={folder}/pki/apiserver.crt", f"--tls-private-key-file={folder}/pki/apiserver.key",
            "--service-cluster-ip-range=10.96.0.0/16", f"--service-account-issuer={API}",
            f"--service-account-key-file={folder}/pki/service.pub", f"--service-account-signing-key-file={folder}/pki/service.key",
            f"--token-auth-file={folder}/pki/tokens", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP"]}
    then = {
        "manager": [
            kubernetes, "manager", f"--kubeconfig={folder}/account/manager", "--leader-elect=false", f"--cert-dir={folder}/pki/manager",
            f"--service-account-private-key-file={folder}/pki/service.key", f"--root-ca-file={folder}/pki/apiserver.crt",
            "--use-service-account-credentials=true", "--controllers=*,-nodeipam"],
        "scheduler": [kubernetes, "scheduler", f"--kubeconfig={folder}/account/scheduler", "--leader-elect=false",
                      f"--cert-dir={folder}/pki/scheduler"],
        "kubelet": [kubernetes, "kubelet", f"--config={folder}/kubelet.json", f"--kubeconfig={folder}/account/kubelet",
                    f"--hostname-override={NODE}", f"--node-ip={ADDRESS}", f"--root-dir={folder}/kubelet",
                    f"--cert-dir={folder}/pki/kubelet"],
        "proxy": [kubernetes, "proxy", f"--config={folder}/proxy.json"]}
    return first, then


class Node:
    def __init__(self, folder):
        self.folder, self.parts = folder, {}
        self.token = json.loads((folder / "account/admin").read_text())["users"][0]["user"]["token"]
        self.authority = f"{folder}/pki/apiserver.crt"

    def start(self, name, words):
        with open(self.folder / "log" / name, "ab") as log:
            self.parts[subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder).pid] = name

    def answers(self):
        try:
            context = ssl.create_default_context(cafile=self.authority)
            asked = urllib.request.Request(f"{API}/readyz", headers={"Authorization": f"Bearer {self.token}"})
            return urllib.request.urlopen(asked, context=context, timeout=2).status == 200
        except OSError:
            return False

    def reap(self):
        """Takes what has ended; ends itself when a part did."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.parts:
                sys.exit(f"{self.parts[pid]} has ended")


def prepare_mounts(folder):
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    for place in OWN:
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    for name, value in WANTED.items():
        file = folder / "run" / name.replace("/", ".")
        file.write_text(f"{value}\n")
        subprocess.run(["mount", "--bind", file, f"/proc/sys/{name}"], check=True)


def prepare_network():
    for words in ("link set lo up", "link add kelp-node type bridge", f"addr add {ADDRESS}/24 dev kelp-node", "link set kelp-node up",
                  f"route add default via {ADDRESS} dev kelp-node"):
        subprocess.run(["ip", *words.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def main():
    folder, group, pause = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    write_files(folder, group, pause)
    prepare_mounts(folder)
    prepare_network()
    node = Node(folder)
    first, then = commands(folder)
    for name, words in first.items():
        node.start(name, words)
    while not node.answers():
        node.reap()
        time.sleep(0.1)
    for name, words in then.items():
        node.start(name, words)
    serve(ADDRESS, API, node.token, node.authority)
    (folder / "started").touch()
    while True:
        node.reap()
        time.sleep(0.2)


if __name__ == "__main__":
    main()

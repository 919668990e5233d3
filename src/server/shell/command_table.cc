#include "server/shell/handlers.h"

namespace kelp::server {
namespace {

// Sorted by name. docs/operations/shell.md has the same table (tests/docs/shell_doc_test.py).
constexpr ShellCommand kCommands[] = {
    {"cluster.check", "", "look for what is wrong; exit code 1 when something is", false,
     cluster_check},
    {"cluster.ps", "", "masters and volume servers", false, cluster_ps},
    {"cluster.raft.add", "ID ADDRESS", "let a master that waits to join take part", true,
     cluster_raft_add},
    {"cluster.raft.ps", "", "the masters' group", false, cluster_raft_ps},
    {"cluster.raft.remove", "ID", "take a master out of the group", true, cluster_raft_remove},
    {"cluster.raft.transfer", "[ID]", "let another master lead", true, cluster_raft_transfer},
    {"cluster.status", "", "the cluster in a few lines", false, cluster_status},
    {"collection.list", "", "collections with their volumes and bytes", false, collection_list},
    {"exit", "", "end the shell", false, nullptr},
    {"fs.du", "[PATH]", "objects and bytes below /, /bucket or /bucket/prefix", false, fs_du},
    {"fs.ls", "[PATH] --limit COUNT --recursive", "list /, /bucket or /bucket/prefix", false,
     fs_ls},
    {"fs.meta.cat", "PATH", "the metadata of the object /bucket/key", false, fs_meta_cat},
    {"fs.mv", "FROM TO", "rename /bucket/key, or in its bucket all below /bucket/prefix/", true,
     fs_mv},
    {"help", "[COMMAND]", "the commands, or what one takes", false, nullptr},
    {"job.list", "", "jobs under way", false, job_list},
    {"job.pause", "", "start no more jobs by itself", true, job_pause},
    {"job.resume", "", "start jobs again", true, job_resume},
    {"lock", "", "keep other operators from changing the cluster while this shell runs", false,
     lock_cluster},
    {"s3.bucket.class", "BUCKET --class NAME",
     "the storage class of what is written to a bucket without one, STANDARD_IA", true,
     bucket_class},
    {"s3.bucket.create", "BUCKET --owner NAME", "make a bucket for an account (admin)", true,
     bucket_create},
    {"s3.bucket.delete", "BUCKET --with-objects",
     "remove an empty bucket, or one with all it holds", true, bucket_delete},
    {"s3.bucket.events", "BUCKET --keep TIME",
     "keep what happens to a bucket's objects for so long, 7d; 0: not at all", true, bucket_events},
    {"s3.bucket.list", "", "buckets of all accounts with what they hold", false, bucket_list},
    {"s3.bucket.quota", "BUCKET --bytes SIZE --objects COUNT",
     "let a bucket hold no more than that; 0: no limit", true, bucket_quota},
    {"unlock", "", "give the lock back", false, unlock_cluster},
    {"volume.balance", "", "even the bytes of the volume servers out now", true, volume_balance},
    {"volume.check.disk", "[VOLUME]", "compare the copies of one volume or of all", false,
     volume_check_disk},
    {"volume.ec.change", "VOLUME SCHEME",
     "turn the shards of a full volume into those of another scheme, ec(8,4)", true,
     volume_ec_change},
    {"volume.ec.decode", "VOLUME --replication SPREAD",
     "turn the shards of a full volume into copies, as its storage class has them or 001", true,
     volume_ec_decode},
    {"volume.fix.replication", "", "make missing copies now", true, volume_fix_replication},
    {"volume.fsck", "[PATH]", "look for the needles of all objects, or of those below a path",
     false, volume_fsck},
    {"volume.grow", "COUNT --collection NAME", "make so many volumes now", true, volume_grow},
    {"volume.list", "--collection NAME --node NODE", "volumes and where their copies are", false,
     volume_list},
    {"volume.mark", "VOLUME STATE", "readonly: the volume takes no more needles, for good", true,
     volume_mark},
    {"volume.move", "VOLUME FROM TO", "move a copy from one volume server to another", true,
     volume_move},
    {"volume.scrub", "[VOLUME] --node NODE", "read every byte of one volume or of all and check it",
     false, volume_scrub},
    {"volume.seal", "VOLUME SCHEME", "turn the copies of a full volume into shards, ec(4,2)", true,
     volume_seal},
    {"volume.tier.move", "--fromDiskType TAG --toDiskType TAG --collection NAME",
     "keep sealed volumes that lie on servers with one tag on those with another", true,
     volume_tier_move},
    {"volumeServer.activate", "NODE", "take new data again: ends evacuate and maintain", true,
     node_activate},
    {"volumeServer.evacuate", "NODE", "move everything off a volume server", true, node_evacuate},
    {"volumeServer.maintain", "NODE", "it will be away for a while: do not repair around it", true,
     node_maintain},
    {"volumeServer.remove", "NODE", "forget a volume server that holds nothing", true, node_remove},
};

}  // namespace

std::span<const ShellCommand> shell_commands() {
  return kCommands;
}

}  // namespace kelp::server

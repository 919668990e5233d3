#pragma once

#include "server/shell/command.h"

namespace kelp::server {

// What stands behind the rows of the table of commands (command_table.cc says what each does).

/// One of the handlers below.
using ShellHandler = Task<Result<ShellReply>>(ShellWorld& world, ShellArguments arguments);

// cluster_commands.cc: masters, nodes, jobs, the lock.
ShellHandler cluster_status;
ShellHandler cluster_ps;
ShellHandler cluster_check;
ShellHandler cluster_raft_ps;
ShellHandler cluster_raft_add;
ShellHandler cluster_raft_remove;
ShellHandler cluster_raft_transfer;
ShellHandler node_evacuate;
ShellHandler node_maintain;
ShellHandler node_activate;
ShellHandler node_remove;
ShellHandler job_list;
ShellHandler job_pause;
ShellHandler job_resume;
ShellHandler lock_cluster;
ShellHandler unlock_cluster;

// volume_commands.cc: volumes and their copies.
ShellHandler volume_list;
ShellHandler volume_move;
ShellHandler volume_mark;
ShellHandler volume_grow;
ShellHandler volume_balance;
ShellHandler volume_fix_replication;
ShellHandler volume_check_disk;
ShellHandler volume_scrub;
ShellHandler collection_list;

// ec_commands.cc: copies that become shards, and shards that become others or copies.
ShellHandler volume_seal;
ShellHandler volume_ec_change;
ShellHandler volume_ec_decode;

// file_commands.cc: buckets and objects.
ShellHandler fs_ls;
ShellHandler fs_du;
ShellHandler fs_meta_cat;
ShellHandler bucket_list;
ShellHandler bucket_create;
ShellHandler bucket_delete;
ShellHandler bucket_events;
ShellHandler bucket_class;
ShellHandler bucket_quota;

// notify_command.cc
ShellHandler notify_status;

// move_command.cc
ShellHandler fs_mv;

// lifecycle_command.cc: what lifecycle rules would do.
ShellHandler lifecycle_report;

// tier_command.cc
ShellHandler volume_tier_move;

// fsck_command.cc: whether volumes have what objects name.
ShellHandler volume_fsck;

/// The node that `text` names: its id, the beginning of one only, or its address. kNotFound,
/// kInvalidArgument when it could be several.
[[nodiscard]] Result<NodeView> find_node(const ClusterView& view, const std::string& text);
/// The volume that VOLUME names. kNotFound, kInvalidArgument.
[[nodiscard]] Result<VolumeView> find_volume(const ClusterView& view,
                                             const ShellArguments& arguments);
/// One of the volume's copies is at this node.
[[nodiscard]] bool has_copy(const VolumeView& volume, const std::string& node_id);
/// "host:port (the first 8 digits of its id)"; the id itself for a node that is not there.
[[nodiscard]] std::string node_name(const ClusterView& view, const std::string& node_id);
/// The masters hear this node.
[[nodiscard]] bool is_alive(const ClusterView& view, const std::string& node_id);

/// kInvalidArgument when nobody said where a filer is.
[[nodiscard]] Result<FilerClient*> filer_of(ShellWorld& world);
/// "/bucket/the/key", "bucket" or "/".
struct ShellPath {
  std::string bucket;  ///< Empty: all of them.
  std::string key;
};
/// Reads one; never fails.
[[nodiscard]] ShellPath path_of(std::string_view text);
/// The names of the buckets of all accounts, or the one that `path` names.
[[nodiscard]] Task<Result<std::vector<std::string>>> buckets_of(FilerClient& filer, ShellPath path);
/// Names are bytes; what people and JSON see is UTF-8.
[[nodiscard]] boost::json::string shown(std::string_view name);

}  // namespace kelp::server

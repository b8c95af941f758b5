// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/run_proto.h"

#include "crypto/node_auth.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

std::string TimeText(double unix_seconds) {
  return unix_seconds > 0 ? FormatTimestamp(unix_seconds) : "";
}

}  // namespace

void ToProto(const RunInfo& run, flwr::proto::Run& proto) {
  proto.set_run_id(run.run_id);
  proto.set_fab_id(run.fab_id);
  proto.set_fab_version(run.fab_version);
  ToProto(run.override_config, *proto.mutable_override_config());
  proto.set_fab_hash(run.fab_hash);
  proto.set_pending_at(TimeText(run.pending_at));
  proto.set_starting_at(TimeText(run.starting_at));
  proto.set_running_at(TimeText(run.running_at));
  proto.set_finished_at(TimeText(run.finished_at));
  proto.mutable_status()->set_status(std::string(RunStatusName(run.status())));
  proto.mutable_status()->set_sub_status(run.sub_status);
  proto.mutable_status()->set_details(run.details);
  proto.set_flwr_aid(run.account_id);
  proto.set_federation(run.federation);
  proto.set_bytes_sent(run.bytes_sent);
  proto.set_bytes_recv(run.bytes_recv);
  proto.set_clientapp_runtime(run.clientapp_runtime);
  proto.set_primary_task_type(run.primary_task_type);
  proto.set_primary_task_id(run.primary_task_id);
  proto.set_series_id(run.series_id);
  proto.set_account_name(run.account_name);
}

}  // namespace flwrcpp::internal

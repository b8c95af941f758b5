// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/control_service.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "crypto/ec_key.h"
#include "crypto/node_auth.h"
#include "crypto/sha256.h"
#include "records/fab.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_fab.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::MakeZip;
using flwrcpp::testing::TestPyproject;

const std::string kFab =
    MakeZip({{"pyproject.toml", TestPyproject("lr = 0.1\n[tool.flwr.app.config.a]\nb = 1\n")}});

flwr::proto::StartRunRequest StartRequest(const std::string& fab = kFab) {
  flwr::proto::StartRunRequest request;
  request.mutable_fab()->set_content(fab);
  return request;
}

class ControlServiceTest : public ::testing::TestWithParam<StateKind> {
 protected:
  void SetUp() override {
    if (GetParam() == StateKind::kMemory) {
      state_ = MakeMemoryState();
    } else {
      StatusOr<State> opened = OpenSqliteState(directory_.File("state.db"));
      ASSERT_THAT(opened, IsOk());
      state_ = *std::move(opened);
    }
    const auto clock = [this] { return now_; };
    runs_ = std::make_unique<Runs>(state_, notifier_, clock);
    service_ = std::make_unique<ControlService>(state_, notifier_, *runs_, clock);
  }

  std::uint64_t StartRun() {
    const auto started = service_->StartRun(StartRequest());
    EXPECT_THAT(started, IsOk());
    return started->run_id();
  }

  StatusOr<flwr::proto::StopRunResponse> StopRun(std::uint64_t run_id) {
    flwr::proto::StopRunRequest request;
    request.set_run_id(run_id);
    return service_->StopRun(request);
  }

  StatusOr<flwr::proto::RegisterNodeResponse> RegisterNode(const std::string& public_key) {
    flwr::proto::RegisterNodeRequest request;
    request.set_public_key(public_key);
    return service_->RegisterNode(request);
  }

  double now_ = 1'800'000'000;
  flwrcpp::testing::TempDir directory_;
  State state_;
  Notifier notifier_;
  std::unique_ptr<Runs> runs_;
  std::unique_ptr<ControlService> service_;
};
FLWRCPP_FOR_BOTH_STATES(ControlServiceTest);

TEST_P(ControlServiceTest, StartedRunWaitsForAnExecutor) {
  flwr::proto::StartRunRequest request = StartRequest();
  request.mutable_fab()->set_hash_str("what the client says counts for nothing");
  request.set_federation("@none/default");
  (*request.mutable_override_config())["lr"].set_string("types are not compared");
  (*request.mutable_override_config())["a.b"].set_sint64(2);
  int notified = 0;
  const auto subscription =
      notifier_.Subscribe({Topic::kPendingRuns, 0}, [&notified] { ++notified; });

  const auto started = service_->StartRun(request);

  ASSERT_THAT(started, IsOk());
  EXPECT_TRUE(started->has_run_id());
  EXPECT_EQ(started->federation(), "@none/default");
  EXPECT_EQ(notified, 1);
  const StatusOr<RunInfo> run = state_.link_state->GetRun(started->run_id());
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->status(), RunStatus::kPending);
  EXPECT_EQ(run->fab_id, "acme/app");
  EXPECT_EQ(run->fab_version, "1.2.3");
  EXPECT_EQ(run->fab_hash, Sha256::Hex(kFab));
  EXPECT_EQ(run->primary_task_type, "flwr-serverapp");
  EXPECT_EQ(run->series_id, started->series_id());
  EXPECT_EQ(run->override_config,
            (UserConfig{{"a.b", std::int64_t{2}}, {"lr", std::string("types are not compared")}}));
  EXPECT_EQ(*state_.run_archive->GetFab(run->fab_hash), Bytes(kFab));
  EXPECT_THAT(state_.run_archive->GetContext(run->series_id), IsOk());
}

TEST_P(ControlServiceTest, RefusesOverridesThatTheAppDoesNotKnow) {
  for (const char* key : {"learning-rate", "a", ""}) {
    flwr::proto::StartRunRequest request = StartRequest();
    (*request.mutable_override_config())[key].set_double_(1);
    EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kInvalidRunConfig)) << key;
  }
  EXPECT_TRUE(service_->ListRuns({})->run_dict().empty());
}

TEST_P(ControlServiceTest, RefusesBadFabs) {
  const std::string pyproject = TestPyproject("");
  const std::string zeros(std::size_t{110} << 20, '\0');
  for (const std::string& fab : {std::string(), std::string("no zip"), MakeZip({{"x", ""}}),
                                 MakeZip({{"pyproject.toml", "[project]\nname = 'app'\n"}}),
                                 MakeZip({{"pyproject.toml", pyproject}, {"../../x.py", ""}}),
                                 MakeZip({{"pyproject.toml", pyproject}, {"bomb", zeros}})}) {
    EXPECT_THAT(service_->StartRun(StartRequest(fab)), IsApiError(ApiErrorCode::kInvalidRunConfig))
        << fab.substr(0, 100);
  }
}

// Flower's tools know by the missing id that the run was not accepted.
TEST_P(ControlServiceTest, AnswersAFabThatIsTooLargeWithoutARun) {
  const auto started = service_->StartRun(StartRequest(std::string(kMaxFabBytes + 1, 'x')));

  ASSERT_THAT(started, IsOk());
  EXPECT_FALSE(started->has_run_id());
  EXPECT_TRUE(service_->ListRuns({})->run_dict().empty());
}

TEST_P(ControlServiceTest, RefusesOtherFederationsAndWhatItDoesNotRun) {
  flwr::proto::StartRunRequest request = StartRequest();
  request.set_federation("@acme/other");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kFederationNotFound));

  request = StartRequest();
  request.add_connector_refs("mail");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kInvalidRunConfig));

  std::string agent = TestPyproject("");
  agent.replace(agent.find("serverapp"), 9, "agentapp");
  request = StartRequest(MakeZip({{"pyproject.toml", agent}}));
  request.set_user_prompt(" ");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kPromptRequired));
  request.set_user_prompt("hello");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kInvalidRunConfig));
}

TEST_P(ControlServiceTest, StartsAnAppAgainThatIsKept) {
  StartRun();
  flwr::proto::StartRunRequest request;
  request.mutable_fab()->set_hash_str(Sha256::Hex(kFab));
  request.set_app_spec("@acme/app");
  EXPECT_THAT(service_->StartRun(request), IsOk());

  request.set_app_spec("@acme/other");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kInvalidAppSpec));
  request.set_app_spec("");
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kAppDownloadFailed));
  request.set_app_spec("@acme/app");
  request.mutable_fab()->set_hash_str(Sha256::Hex("another"));
  EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kAppDownloadFailed));
}

TEST_P(ControlServiceTest, TakesNoAppsFromTheHub) {
  flwr::proto::StartRunRequest request;
  for (const char* spec : {"@acme/app", "@acme/app==1.20.3", "@a.c_m-e/a"}) {
    request.set_app_spec(spec);
    EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kAppNotFound)) << spec;
  }
  for (const char* spec : {"acme/app", "@acme", "@/app", "@acme/", "@acme/app==1.2", "@acme/app==",
                           "@acme/app==1.2.3.4", "@acme/app==1.2.x", "@ac me/app", "@a/b/c"}) {
    request.set_app_spec(spec);
    EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kInvalidAppSpec)) << spec;
  }
}

TEST_P(ControlServiceTest, RunsOfASeriesHandOnTheirState) {
  const auto first = service_->StartRun(StartRequest());
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(state_.run_archive->StoreContext(first->series_id(), "state"), IsOk());
  flwr::proto::StartRunRequest request = StartRequest();
  request.set_series_id(first->series_id());

  const auto second = service_->StartRun(request);

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->series_id(), first->series_id());
  EXPECT_EQ(*state_.run_archive->GetContext(first->series_id()), "state");
  EXPECT_NE(service_->StartRun(StartRequest())->series_id(), first->series_id());
  for (const std::uint64_t unknown : {std::uint64_t{0}, first->series_id() + 1}) {
    request.set_series_id(unknown);
    EXPECT_THAT(service_->StartRun(request), IsApiError(ApiErrorCode::kRunCreationFailed));
  }
}

TEST_P(ControlServiceTest, ListsTheNewestRuns) {
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 22; ++i) {
    now_ += 1;
    ids.push_back(StartRun());
  }
  flwr::proto::ListRunsRequest request;
  auto listed = service_->ListRuns(request);
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(listed->now(), FormatTimestamp(now_));
  EXPECT_EQ(listed->run_dict_size(), 20);
  EXPECT_FALSE(listed->run_dict().contains(ids[0]));
  EXPECT_EQ(listed->run_dict().at(ids[21]).status().status(), "pending");
  EXPECT_EQ(listed->run_dict().at(ids[21]).account_name(), "none");

  request.set_limit(std::numeric_limits<std::uint64_t>::max());
  request.set_skip(20);
  listed = service_->ListRuns(request);
  ASSERT_EQ(listed->run_dict_size(), 2);
  EXPECT_TRUE(listed->run_dict().contains(ids[1]));
  request.set_skip(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(service_->ListRuns(request)->run_dict_size(), 0);
  request.set_skip(0);
  request.set_limit(0);
  EXPECT_EQ(service_->ListRuns(request)->run_dict_size(), 0);

  request.set_run_id(ids[0]);
  listed = service_->ListRuns(request);
  ASSERT_EQ(listed->run_dict_size(), 1);
  EXPECT_TRUE(listed->run_dict().contains(ids[0]));
  request.set_run_id(ids[0] + 1);
  EXPECT_THAT(service_->ListRuns(request), IsApiError(ApiErrorCode::kRunNotFound));
}

TEST_P(ControlServiceTest, ShowsThatTheProcessOfARunIsGone) {
  StartRun();
  const std::string types[] = {"flwr-serverapp"};
  const auto claimed = state_.link_state->ClaimRun(types, now_);
  ASSERT_THAT(claimed, IsOk());
  ASSERT_THAT(state_.link_state->StartClaimedRun((*claimed)->token, now_), IsOk());
  now_ += kStartedClaimLifetime + 1;

  const auto listed = service_->ListRuns({});

  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->run_dict_size(), 1);
  EXPECT_EQ(listed->run_dict().begin()->second.status().sub_status(), "failed");
}

TEST_P(ControlServiceTest, StopsARunOnce) {
  const std::uint64_t run_id = StartRun();

  const auto stopped = StopRun(run_id);

  ASSERT_THAT(stopped, IsOk());
  EXPECT_TRUE(stopped->success());
  EXPECT_EQ(state_.link_state->GetRun(run_id)->sub_status, "stopped");
  EXPECT_THAT(StopRun(run_id), IsApiError(ApiErrorCode::kRunAlreadyFinished));
  EXPECT_THAT(StopRun(run_id + 1), IsApiError(ApiErrorCode::kRunNotFound));
}

TEST_P(ControlServiceTest, LogIsCompleteWhenTheRunHasFinishedAndAllIsRead) {
  const std::uint64_t run_id = StartRun();
  EXPECT_TRUE(service_->ReadLog(run_id, 0)->response.log_output().empty());
  ASSERT_THAT(runs_->Log(run_id, "a\n"), IsOk());
  ASSERT_THAT(runs_->Log(run_id, "b\n"), IsOk());

  auto chunk = service_->ReadLog(run_id, 0);
  ASSERT_THAT(chunk, IsOk());
  EXPECT_EQ(chunk->response.log_output(), "a\nb\n");
  const double read_until = chunk->response.latest_timestamp();
  EXPECT_GE(read_until, now_);
  EXPECT_FALSE(service_->ReadLog(run_id, read_until)->is_complete);

  ASSERT_THAT(StopRun(run_id), IsOk());
  chunk = service_->ReadLog(run_id, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(chunk->response.log_output(), "a\nb\n");
  EXPECT_FALSE(chunk->is_complete);
  EXPECT_TRUE(service_->ReadLog(run_id, read_until)->is_complete);
  EXPECT_THAT(service_->ReadLog(run_id + 1, 0), IsApiError(ApiErrorCode::kRunNotFound));
}

TEST_P(ControlServiceTest, RegistersListsAndUnregistersNodes) {
  const std::string key = EcPrivateKey::Generate().public_pem();
  flwr::proto::RegisterNodeRequest request;
  request.set_public_key(key);
  request.set_location("48.1, -11.5");
  request.set_name("hospital");

  const auto registered = service_->RegisterNode(request);

  ASSERT_THAT(registered, IsOk());
  auto listed = service_->ListNodes({});
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(listed->now(), FormatTimestamp(now_));
  ASSERT_EQ(listed->nodes_info_size(), 1);
  const flwr::proto::NodeInfo& node = listed->nodes_info(0);
  EXPECT_EQ(node.node_id(), registered->node_id());
  EXPECT_EQ(node.public_key(), key);
  EXPECT_EQ(node.status(), "registered");
  EXPECT_EQ(node.owner_name(), "none");
  EXPECT_EQ(node.registered_at(), FormatTimestamp(now_));
  EXPECT_FALSE(node.has_last_activated_at());
  EXPECT_FALSE(node.has_online_until());
  EXPECT_EQ(node.location(), "48.1, -11.5");
  EXPECT_EQ(node.name(), "hospital");
  EXPECT_EQ(node.heartbeat_interval(), 30);

  flwr::proto::UnregisterNodeRequest unregister;
  unregister.set_node_id(registered->node_id());
  EXPECT_THAT(service_->UnregisterNode(unregister), IsOk());
  EXPECT_EQ(service_->ListNodes({})->nodes_info(0).status(), "unregistered");
  EXPECT_THAT(service_->UnregisterNode(unregister), IsApiError(ApiErrorCode::kNodeNotFound));
  unregister.set_node_id(1);
  EXPECT_THAT(service_->UnregisterNode(unregister), IsApiError(ApiErrorCode::kNodeNotFound));
}

TEST_P(ControlServiceTest, RefusesKeysAndLocationsThatCannotBe) {
  const std::string key = EcPrivateKey::Generate().public_pem();
  for (const std::string& bad :
       {std::string(), std::string("key"), key.substr(0, key.size() / 2)}) {
    EXPECT_THAT(RegisterNode(bad), IsApiError(ApiErrorCode::kInvalidPublicKey)) << bad;
  }
  flwr::proto::RegisterNodeRequest request;
  request.set_public_key(key);
  for (const char* location :
       {"", "48.1", "91,0", "0,181", "nan,0", "inf,0", "1,2,3", "a,b", ","}) {
    request.set_location(location);
    EXPECT_THAT(service_->RegisterNode(request), IsApiError(ApiErrorCode::kInvalidLocation))
        << location;
  }
  EXPECT_THAT(RegisterNode(key), IsOk());
  EXPECT_THAT(RegisterNode(key), IsApiError(ApiErrorCode::kPublicKeyInUse));
}

TEST_P(ControlServiceTest, HasOneFederationOfAllNodesAndRuns) {
  const std::uint64_t run_id = StartRun();
  ASSERT_THAT(RegisterNode(EcPrivateKey::Generate().public_pem()), IsOk());
  const auto listed = service_->ListFederations({});
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->federations_size(), 1);
  EXPECT_EQ(listed->federations(0).name(), "@none/default");
  EXPECT_EQ(listed->federations(0).member_count(), 1u);
  EXPECT_EQ(listed->federations(0).nodes_size(), 0);

  flwr::proto::ShowFederationRequest request;
  request.set_federation_name("@none/default");
  const auto shown = service_->ShowFederation(request);
  ASSERT_THAT(shown, IsOk());
  EXPECT_EQ(shown->federation().nodes_size(), 1);
  ASSERT_EQ(shown->federation().runs_size(), 1);
  EXPECT_EQ(shown->federation().runs(0).run_id(), run_id);
  EXPECT_EQ(shown->federation().members(0).account().id(), "<id:none>");
  EXPECT_EQ(shown->federation().members(0).role(), "owner");
  request.set_federation_name("@acme/other");
  EXPECT_THAT(service_->ShowFederation(request), IsApiError(ApiErrorCode::kFederationNotFound));
}

TEST_P(ControlServiceTest, HasNoAccounts) {
  EXPECT_EQ(service_->GetLoginDetails({})->authn_type(), "noop");
  EXPECT_THAT(service_->GetAuthTokens({}), IsApiError(ApiErrorCode::kNoAccountAuthentication));
  EXPECT_THAT(service_->RefreshAuthTokens({}), IsApiError(ApiErrorCode::kNoAccountAuthentication));
  EXPECT_THAT(service_->PullArtifacts({}), IsApiError(ApiErrorCode::kNoArtifactProvider));
  EXPECT_THAT(service_->ConfigureSimulationFederation({}),
              IsApiError(ApiErrorCode::kFederationNotFound));
}

}  // namespace
}  // namespace flwrcpp::internal

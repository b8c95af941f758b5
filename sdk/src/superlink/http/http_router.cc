// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/http_router.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace flwrcpp::internal {
namespace {

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string_view FieldOf(const HttpHeader& header, std::string_view name) {
  return View(header[boost::beast::string_view(name.data(), name.size())]);
}

HttpResponse HttpRefusal(int status, std::string_view detail) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.front = nlohmann::json{{"detail", detail}}.dump();
  return response;
}

void HttpRouter::Add(std::string path, std::string method, HttpHandler handler) {
  routes_.emplace(std::move(path), Route{std::move(method), std::move(handler)});
}

boost::asio::awaitable<HttpResponse> HttpRouter::Handle(const HttpHeader& header, Bytes body,
                                                        Caller& caller) const {
  std::string_view path = View(header.target());
  path = path.substr(0, path.find('?'));

  auto found = routes_.find(path);
  if (found == routes_.end() && path.ends_with('/')) {
    path.remove_suffix(1);
    found = routes_.find(path);
    if (found != routes_.end()) {
      HttpResponse response;
      response.status = 307;
      response.fields = fmt::format("Location: {}\r\n", path);
      co_return response;
    }
  }
  if (found == routes_.end()) co_return HttpRefusal(404, "there is nothing at this path");

  const Route& route = found->second;
  const std::string_view method = View(header.method_string());
  if (method != route.method && !(method == "HEAD" && route.method == "GET")) {
    HttpResponse response = HttpRefusal(405, "this path takes " + route.method + " only");
    response.fields = fmt::format("Allow: {}\r\n", route.method);
    co_return response;
  }
  co_return co_await route.handler(header, std::move(body), caller);
}

}  // namespace flwrcpp::internal

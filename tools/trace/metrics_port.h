// SPDX-License-Identifier: Apache-2.0
//
// Counters as Prometheus text on a port that only this machine reaches:
//
//   cmap::trace::MetricsPort port(9464, [&] { return recorder.PrometheusText(); });
//
// answers GET /metrics on 127.0.0.1:9464 as long as it lives, one request at a time, in a thread
// of its own. C++20 on Linux, needing nothing else of this project.
#ifndef CMAP_TOOLS_TRACE_METRICS_PORT_H_
#define CMAP_TOOLS_TRACE_METRICS_PORT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace cmap::trace {

class MetricsPort {
 public:
  // Port 0 takes one that is free. `text` is called by another thread. Throws std::system_error,
  // e.g. when the port is taken.
  MetricsPort(std::uint16_t port, std::function<std::string()> text) : text_(std::move(text)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop_ = eventfd(0, EFD_CLOEXEC);
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || stop_ < 0 ||
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener_, any, length) != 0 || listen(listener_, 8) != 0 ||
        getsockname(listener_, any, &length) != 0) {
      const int error = errno;
      Close();
      throw std::system_error(error, std::generic_category(),
                              "no metrics on 127.0.0.1:" + std::to_string(port));
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~MetricsPort() {
    const std::uint64_t one = 1;
    if (write(stop_, &one, sizeof one) == sizeof one) thread_.join();
    Close();
  }
  MetricsPort(const MetricsPort&) = delete;
  MetricsPort& operator=(const MetricsPort&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  static constexpr std::size_t kLongestRequest = 8192;

  void Close() {
    if (listener_ >= 0) close(listener_);
    if (stop_ >= 0) close(stop_);
  }

  void Serve() {
    for (;;) {
      std::array<pollfd, 2> ready{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
      if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
      if (ready[1].revents != 0) return;
      if ((ready[0].revents & POLLIN) == 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      // A client that says nothing does not keep others waiting for long.
      const timeval limit{.tv_sec = 2, .tv_usec = 0};
      setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      Answer(client);
      close(client);
    }
  }

  void Answer(int client) {
    std::string request;
    std::array<char, 1024> part;
    while (request.find("\r\n\r\n") == std::string::npos && request.size() < kLongestRequest) {
      const ssize_t n = recv(client, part.data(), part.size(), 0);
      if (n <= 0) return;
      request.append(part.data(), static_cast<std::size_t>(n));
    }
    const std::string_view line = std::string_view(request).substr(0, request.find("\r\n"));
    if (line.starts_with("GET /metrics ") || line.starts_with("GET / ")) {
      Send(client, "200 OK", text_());
    } else if (line.starts_with("GET ")) {
      Send(client, "404 Not Found", "metrics are at /metrics\n");
    } else {
      Send(client, "405 Method Not Allowed", "only GET is answered\n");
    }
  }

  static void Send(int client, const char* status, const std::string& body) {
    const std::string answer = std::string("HTTP/1.1 ") + status +
                               "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"
                               "\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
    for (std::size_t sent = 0; sent < answer.size();) {
      const ssize_t n = send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  std::function<std::string()> text_;
  int listener_ = -1;
  int stop_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_METRICS_PORT_H_

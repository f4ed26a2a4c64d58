// SPDX-License-Identifier: Apache-2.0
#include "workloads/scenarios/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "workloads/spec.h"

namespace cmap::workloads {
namespace {

using Clock = std::chrono::steady_clock;
using Answer = std::uint64_t;  // how many records of its connection a replica has answered

constexpr int kPatienceMs = 10'000;

[[noreturn]] void Failed(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

[[noreturn]] void NoReplicas(const char* what) {
  throw SpecError(std::string("no replica can be reached over TCP on 127.0.0.1 (") + what + ": " + std::strerror(errno) +
                  "); allow connections to it, or leave the ways replicas and all out.");
}

// All of it, whatever signals come between.
void SendAll(int socket, const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t sent = send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) Failed("a record or an answer cannot be sent");
    at += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
}

void AnswerAtOnce(int socket) {
  const int on = 1;
  if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) NoReplicas("TCP_NODELAY");
}

}  // namespace

ServiceLog::ServiceLog() {
  const char* const given = std::getenv("TMPDIR");
  const std::string folder = given != nullptr && *given != '\0' ? given : "/var/tmp";
  std::string name = folder + "/map_log_XXXXXX";
  file_ = mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0) {
    throw SpecError("no log can be written in " + folder + " (" + std::strerror(errno) +
                    "); set TMPDIR to a folder on a disk that can be written.");
  }
  unlink(name.c_str());
  struct statfs system{};
  on_disk_ = fstatfs(file_, &system) == 0 && system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC;
}

ServiceLog::~ServiceLog() { close(file_); }

void ServiceLog::Append(const ServiceRecord& record) {
  const std::lock_guard lock(mu_);
  const ssize_t written = pwrite(file_, &record, sizeof(record), end_);
  if (written != static_cast<ssize_t>(sizeof(record))) Failed("the log cannot be written");
  if (fsync(file_) != 0) Failed("the log cannot be synchronised");
  end_ += static_cast<std::int64_t>(sizeof(record));
}

void ServiceLog::Clear() {
  if (ftruncate(file_, 0) != 0) Failed("the log cannot be emptied");
  end_ = 0;
}

std::vector<ServiceRecord> ServiceLog::Read() const {
  std::vector<ServiceRecord> records(static_cast<std::size_t>(lseek(file_, 0, SEEK_END)) / sizeof(ServiceRecord));
  const std::size_t bytes = records.size() * sizeof(ServiceRecord);
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t got = pread(file_, reinterpret_cast<char*>(records.data()) + at, bytes - at, static_cast<off_t>(at));
    if (got <= 0) Failed("the log cannot be read");
    at += static_cast<std::size_t>(got);
  }
  return records;
}

// One replica: a thread that serves all its connections.
class ServiceReplicas::Replica {
 public:
  // Connects `clients` times, and gives the clients' ends away.
  Replica(std::uint32_t clients, double delay_us, std::vector<int>& ends)
      : delay_(static_cast<std::int64_t>(delay_us * 1e3)), stop_(eventfd(0, EFD_CLOEXEC)) {
    if (stop_ < 0) NoReplicas("eventfd");
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listening < 0 || bind(listening, generic, length) != 0 || listen(listening, 16) != 0 ||
        getsockname(listening, generic, &length) != 0) {
      NoReplicas("listen");
    }
    for (std::uint32_t i = 0; i < clients; ++i) {
      // The system accepts for us: connecting first and accepting then does not wait.
      const int end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (end < 0 || connect(end, generic, length) != 0) NoReplicas("connect");
      ends.push_back(end);
      const int own = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      if (own < 0) NoReplicas("accept");
      AnswerAtOnce(end);
      AnswerAtOnce(own);
      connections_.push_back({own, {}, 0});
    }
    close(listening);
    thread_ = std::thread([this] { Serve(); });
  }

  ~Replica() {
    const std::uint64_t one = 1;
    if (write(stop_, &one, sizeof(one)) != sizeof(one)) std::abort();  // an eventfd takes it
    thread_.join();
    for (const Connection& connection : connections_) close(connection.socket);
    close(stop_);
  }

  Received received() const {
    // (2) Acquire, with (1): sum and broken are at least those of that many records.
    const std::uint64_t records = records_.load(std::memory_order_acquire);
    return {records, sum_.load(std::memory_order_relaxed), broken_.load(std::memory_order_relaxed)};
  }

 private:
  struct Connection {
    int socket;
    std::string got;         // bytes that are no whole record yet
    std::uint64_t received;  // records
  };
  struct Due {
    Clock::time_point at;
    std::size_t connection;
    Answer answer;
  };

  void Serve() {
    prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds: the delay is to be what it says
    std::vector<pollfd> polled;
    for (const Connection& connection : connections_) polled.push_back({connection.socket, POLLIN, 0});
    polled.push_back({stop_, POLLIN, 0});
    std::deque<Due> due;  // one delay for all: in the order of their times
    for (;;) {
      while (!due.empty() && due.front().at <= Clock::now()) {
        const Due& first = due.front();
        const Answer answer = first.answer;
        // A client that has gone, because its slice went wrong, wants no answer.
        if (send(connections_[first.connection].socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
            errno != ECONNRESET) {
          return;
        }
        due.pop_front();
      }
      timespec wait{};
      if (!due.empty()) {
        const std::int64_t ns = std::max<std::int64_t>(
            0, std::chrono::duration_cast<std::chrono::nanoseconds>(due.front().at - Clock::now()).count());
        wait = {ns / 1'000'000'000, ns % 1'000'000'000};
      }
      if (ppoll(polled.data(), polled.size(), due.empty() ? nullptr : &wait, nullptr) < 0 && errno != EINTR) return;
      if (polled.back().revents != 0) return;
      for (std::size_t c = 0; c < connections_.size(); ++c) {
        if (polled[c].revents == 0) continue;
        const std::uint64_t before = connections_[c].received;
        if (!Receive(connections_[c])) polled[c].fd = -1;
        if (connections_[c].received > before) {
          due.push_back({Clock::now() + std::chrono::nanoseconds(delay_), c, connections_[c].received});
        }
      }
    }
  }

  // Takes what has come; false when the connection is closed.
  bool Receive(Connection& connection) {
    std::array<char, 4096> bytes;
    const ssize_t got = recv(connection.socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    connection.got.append(bytes.data(), static_cast<std::size_t>(got));
    std::uint64_t records = 0, sum = 0, broken = 0;
    for (; connection.got.size() - records * sizeof(ServiceRecord) >= sizeof(ServiceRecord); ++records) {
      ServiceRecord record;
      std::memcpy(&record, connection.got.data() + records * sizeof(record), sizeof(record));
      broken += !record.whole();
      sum += record.sum;
    }
    connection.got.erase(0, records * sizeof(ServiceRecord));
    connection.received += records;
    sum_.fetch_add(sum, std::memory_order_relaxed);
    broken_.fetch_add(broken, std::memory_order_relaxed);
    // (1) Release, with (2).
    records_.fetch_add(records, std::memory_order_release);
    return true;
  }

  std::int64_t delay_;  // nanoseconds
  int stop_;
  std::vector<Connection> connections_;  // by client
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> broken_{0};
  std::thread thread_;
};

ServiceReplicas::ServiceReplicas(std::uint32_t clients, double delay_us) : clients_(clients) {
  for (std::size_t r = 0; r < kReplicas; ++r) {
    std::vector<int> ends;
    replicas_[r] = std::make_unique<Replica>(clients, delay_us, ends);
    for (std::uint32_t t = 0; t < clients; ++t) clients_[t].socket[r] = ends[t];
  }
}

ServiceReplicas::~ServiceReplicas() {
  replicas_ = {};
  for (const Client& client : clients_) {
    for (const int socket : client.socket) close(socket);
  }
}

void ServiceReplicas::Replicate(std::uint32_t t, const ServiceRecord& record) {
  Client& client = clients_[t];
  ++client.sent;
  for (const int socket : client.socket) SendAll(socket, &record, sizeof(record));
  Await(client, /*all=*/false);
}

void ServiceReplicas::Settle() {
  for (Client& client : clients_) Await(client, /*all=*/true);
}

ServiceReplicas::Received ServiceReplicas::received(std::size_t replica) const { return replicas_[replica]->received(); }

void ServiceReplicas::Await(Client& client, bool all) {
  const auto answered = [&](std::size_t r) { return client.answered[r] >= client.sent; };
  while (all ? !(answered(0) && answered(1)) : !(answered(0) || answered(1))) {
    std::array<pollfd, kReplicas> polled{};
    for (std::size_t r = 0; r < kReplicas; ++r) polled[r] = {client.socket[r], POLLIN, 0};
    const int ready = poll(polled.data(), polled.size(), kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) throw std::runtime_error("no replica has answered for 10 s");
    for (std::size_t r = 0; r < kReplicas; ++r) {
      if (polled[r].revents == 0) continue;
      // Answers count up, so that the last whole one says it all.
      std::array<char, 64 * sizeof(Answer)> bytes;
      std::string& half = client.half[r];
      const ssize_t got = recv(client.socket[r], bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) throw std::runtime_error("a replica has closed its connection");
      half.append(bytes.data(), static_cast<std::size_t>(got));
      const std::size_t whole = half.size() / sizeof(Answer) * sizeof(Answer);
      if (whole > 0) std::memcpy(&client.answered[r], half.data() + whole - sizeof(Answer), sizeof(Answer));
      half.erase(0, whole);
    }
  }
}

}  // namespace cmap::workloads

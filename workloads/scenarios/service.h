// SPDX-License-Identifier: Apache-2.0
//
// What a service puts around a map that must not lose anything: a log on disk and replicas.
// Small, and real: the log is a file that is synchronised after every record, and the
// replicas are threads that records reach over TCP on the loopback interface.
#ifndef CMAP_WORKLOADS_SCENARIOS_SERVICE_H_
#define CMAP_WORKLOADS_SCENARIOS_SERVICE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::workloads {

// What is written to the log and sent to the replicas: an entry of the map.
struct ServiceRecord {
  std::uint64_t key;
  std::uint64_t value;
  std::uint64_t sum;  // of the two

  static constexpr std::uint64_t SumOf(std::uint64_t key, std::uint64_t value) { return MixBits(key ^ MixBits(value)); }
  static constexpr ServiceRecord Of(std::uint64_t key, std::uint64_t value) { return {key, value, SumOf(key, value)}; }
  bool whole() const { return sum == SumOf(key, value); }
};

// Records in the order in which they were appended, in a file without a name. It lies in
// $TMPDIR, or in /var/tmp.
class ServiceLog {
 public:
  // Throws SpecError when there can be no such file.
  ServiceLog();
  ~ServiceLog();
  ServiceLog(const ServiceLog&) = delete;
  ServiceLog& operator=(const ServiceLog&) = delete;

  // Writes a record and waits for the disk (fsync). One at a time: others wait. Throws
  // std::system_error.
  void Append(const ServiceRecord& record);

  // Quiescent. Empties it; reads all of it back, from the system's memory if it is still there.
  void Clear();
  std::vector<ServiceRecord> Read() const;

  // Whether the file is on a disk, as far as the file system tells: tmpfs and ramfs are memory.
  bool on_disk() const { return on_disk_; }

 private:
  int file_ = -1;
  bool on_disk_ = false;
  std::mutex mu_;
  std::int64_t end_ = 0;  // bytes
};

// Two replicas, each a thread that answers every record after a delay: that of the
// network and of its own disk, which are not there. A record is safe when one of them has
// answered, as that and the service itself are two of three.
class ServiceReplicas {
 public:
  // `clients` threads have connections of their own. Throws SpecError when there can be none.
  ServiceReplicas(std::uint32_t clients, double delay_us);
  ~ServiceReplicas();
  ServiceReplicas(const ServiceReplicas&) = delete;
  ServiceReplicas& operator=(const ServiceReplicas&) = delete;

  // By thread t: sends a record to both and waits for the first answer. Throws
  // std::runtime_error when none comes within 10 s.
  void Replicate(std::uint32_t t, const ServiceRecord& record);

  // Quiescent: waits until both have answered everything. Throws as Replicate.
  void Settle();

  // What a replica has received since it was made: whole records, and the sum of their sums.
  struct Received {
    std::uint64_t records;
    std::uint64_t sum;
    std::uint64_t broken;
  };
  static constexpr std::size_t kReplicas = 2;
  Received received(std::size_t replica) const;

 private:
  class Replica;

  // The client's side of its connections.
  struct alignas(kCacheLine) Client {
    std::array<int, kReplicas> socket{-1, -1};
    std::array<std::uint64_t, kReplicas> answered{};  // records, in their order
    std::array<std::string, kReplicas> half{};        // bytes that are no whole answer yet
    std::uint64_t sent = 0;
  };

  // Reads answers until `all` replicas, or one, have answered what was sent.
  static void Await(Client& client, bool all);

  std::array<std::unique_ptr<Replica>, kReplicas> replicas_;
  std::vector<Client> clients_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_SERVICE_H_

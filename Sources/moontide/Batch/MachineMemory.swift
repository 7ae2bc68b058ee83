import Glibc

/// What this process may use: the machine's memory, or less where it runs in a container.
enum MachineMemory {
  static var bytes: Int {
    let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return
      (["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap(limit) + [
        machine
      ])
      .filter { $0 > 0 }.min() ?? 1 << 30
  }

  private static func limit(_ path: String) -> Int? {
    (try? FileText.read(path)).flatMap { Int(String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self)) }
  }
}

import Foundation

/// Runs an actor's jobs on one thread of its own. So a C call that blocks (a poll, a commit, a GEMM) never
/// occupies a thread of Swift's cooperative pool: on two cores, two blocked threads in the pool freeze the
/// process.
///
/// Jobs run in the order in which they were enqueued. The thread ends when the executor is released. As a
/// task executor it lets the loop around an actor run on the actor's thread, so that no other thread must
/// wake up between a poll and the work on the polled records.
package final class BlockingExecutor: SerialExecutor, TaskExecutor {
  private let queue = JobQueue()

  package init(name: String) {
    let queue = queue
    let thread = Thread { queue.drain() }
    thread.name = name
    thread.stackSize = 1 << 20
    thread.start()
  }

  deinit { queue.stop() }

  package func enqueue(_ job: consuming ExecutorJob) {
    queue.append(UnownedJob(job), on: self)
  }
}

/// The jobs that are waiting for one thread.
private final class JobQueue {
  private let condition = NSCondition()
  private var jobs: [(job: UnownedJob, executor: BlockingExecutor)] = []
  private var isStopped = false

  func append(_ job: UnownedJob, on executor: BlockingExecutor) {
    condition.lock()
    jobs.append((job, executor))
    condition.signal()
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.signal()
    condition.unlock()
  }

  func drain() {
    while let batch = take() {
      for (job, executor) in batch {
        unsafe job.runSynchronously(
          isolatedTo: executor.asUnownedSerialExecutor(), taskExecutor: executor.asUnownedTaskExecutor())
      }
    }
  }

  private func take() -> [(job: UnownedJob, executor: BlockingExecutor)]? {
    condition.lock()
    defer { condition.unlock() }
    while jobs.isEmpty {
      if isStopped { return nil }
      condition.wait()
    }
    let batch = jobs
    jobs.removeAll(keepingCapacity: true)
    return batch
  }
}

// Every access to the stored state is made with `condition` locked.
extension JobQueue: @unchecked Sendable {}

/// Runs `body` on a new thread. For loops that block in C most of the time and live as long as the
/// connection or the event queue that they serve.
///
/// - Parameter name: shown by `top -H`, which shows the first 15 bytes.
package func startBlockingThread(name: String, _ body: @escaping @Sendable () -> Void) {
  let thread = Thread(block: body)
  thread.name = name
  thread.stackSize = 1 << 20
  thread.start()
}

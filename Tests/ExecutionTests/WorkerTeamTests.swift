import Execution
import Synchronization
import XCTest

final class WorkerTeamTests: XCTestCase {
    /// Thousands of short pieces of work, of all lengths: each index once, by a thread of the team, and nothing left when the call returns.
    func testEachIndexRunsOnce() {
        for threads in [1, 2, 5] {
            let team = WorkerTeam(threads: threads)
            XCTAssertEqual(team.count, threads)
            for round in 0..<3000 {
                let count = round % 40
                var seen = [Int32](repeating: 0, count: 40)
                var workers = [Int](repeating: -1, count: 40)
                seen.withUnsafeMutableBufferPointer { seen in
                    workers.withUnsafeMutableBufferPointer { workers in
                        let (counts, names) = (seen, workers)
                        team.forEach(count) { worker, index in
                            counts[index] += 1
                            names[index] = worker
                        }
                    }
                }
                XCTAssertEqual(seen, (0..<40).map { $0 < count ? 1 : 0 })
                XCTAssertTrue(workers.prefix(count).allSatisfy { (0..<threads).contains($0) })
            }
        }
    }

    /// Threads that sleep are woken, and a team that goes ends them.
    func testTeamsThatSleep() {
        for _ in 0..<5 {
            let team = WorkerTeam(threads: 3)
            for _ in 0..<3 {
                usleep(5000)
                let sum = Atomic<Int>(0)
                team.forEach(100) { _, index in sum.wrappingAdd(index, ordering: .relaxed) }
                XCTAssertEqual(sum.load(ordering: .relaxed), 4950)
            }
        }
    }
}

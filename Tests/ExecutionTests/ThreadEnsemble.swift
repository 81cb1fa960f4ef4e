import Execution
import Foundation

/// Ranks that are threads of one process.
final class ThreadEnsemble: Ensemble, @unchecked Sendable {
    /// What is on its way from one rank to another, in order.
    private final class Mail: @unchecked Sendable {
        private let condition = NSCondition()
        private var messages: [[Int]: [[UInt8]]] = [:]

        func put(_ bytes: [UInt8], _ path: [Int]) {
            condition.lock()
            messages[path, default: []].append(bytes)
            condition.broadcast()
            condition.unlock()
        }

        func take(_ path: [Int]) -> [UInt8] {
            condition.lock()
            defer { condition.unlock() }
            while messages[path]?.isEmpty ?? true { condition.wait() }
            return messages[path]?.removeFirst() ?? []
        }
    }

    let rank: Int
    let count: Int
    private let mail: Mail
    private var moved = EnsembleTraffic()

    private init(_ rank: Int, _ count: Int, _ mail: Mail) { (self.rank, self.count, self.mail) = (rank, count, mail) }

    /// The results of `body` at each of so many ranks.
    static func run<Result>(_ count: Int, _ body: @escaping @Sendable (ThreadEnsemble) throws -> Result) throws -> [Result] {
        let mail = Mail()
        let found = Results<Result>(count)
        let group = DispatchGroup()
        for rank in 0..<count {
            group.enter()
            // Ranks wait for each other: each has a thread, whatever the number of processors.
            Thread.detachNewThread {
                found.set(rank, Swift.Result { try body(ThreadEnsemble(rank, count, mail)) })
                group.leave()
            }
        }
        group.wait()
        return try found.values.map { try $0!.get() }
    }

    private final class Results<Result>: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var values: [Swift.Result<Result, any Error>?]

        init(_ count: Int) { values = Array(repeating: nil, count: count) }

        func set(_ index: Int, _ value: Swift.Result<Result, any Error>) { lock.withLock { values[index] = value } }
    }

    var host: String { "here" }
    var traffic: EnsembleTraffic { moved }

    func send(_ bytes: UnsafeRawBufferPointer, to other: Int) throws {
        moved.bytesSent += bytes.count
        mail.put(Array(bytes), [rank, other])
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws {
        let found = mail.take([other, rank])
        precondition(found.count == bytes.count, "\(found.count) bytes, not \(bytes.count)")
        moved.bytesReceived += found.count
        bytes.copyBytes(from: found)
    }

    func advance(by units: Int, remark: String) {}
    func post(_ bytes: [UInt8]) throws {}
    func whenPosted(_ body: (@Sendable ([UInt8], Int) -> Void)?) {}
    func whenAdvanced(_ body: (@Sendable (Int, String) -> Void)?) {}
}

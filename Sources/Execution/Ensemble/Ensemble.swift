/// Processes that work on one request together, each a *rank* of `count`, on one machine or many. All run the same program on the same inputs and
/// come to the same results; what takes long is shared out, and what one rank has made of it is sent to the others.
///
/// Messages between two ranks arrive in the order in which they were sent. `send`, `receive` and what is built of them are called by one thread
/// of a rank at a time, and by all ranks in the same order; `advance` and `post` by any thread.
public protocol Ensemble: AnyObject, Sendable {
    /// The number of this process, from 0. Rank 0 alone writes and prints.
    var rank: Int { get }
    /// Processes in all.
    var count: Int { get }
    /// The machine that this process runs on.
    var host: String { get }

    /// Sends bytes to another rank; returns when they may be changed.
    ///
    /// - Throws: `EnsembleError`; `Cancelled` where a stop was asked for meanwhile.
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws
    /// Receives as many bytes as another rank sends.
    ///
    /// - Throws: `EnsembleError`, for a message of another length too; `Cancelled`.
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws

    /// Tells rank 0 of work that is done, for its progress.
    func advance(by units: Int, remark: String)
    /// Gives rank 0 bytes that it is not waiting for.
    ///
    /// - Throws: as `send`.
    func post(_ bytes: [UInt8]) throws
    /// What rank 0 does with what others post and with their advances, on a thread of the ensemble's own; nil to drop them.
    func whenPosted(_ body: (@Sendable (_ bytes: [UInt8], _ rank: Int) -> Void)?)
    func whenAdvanced(_ body: (@Sendable (_ units: Int, _ remark: String) -> Void)?)

    /// What has been moved and waited for so far.
    var traffic: EnsembleTraffic { get }
}

/// Messages of a rank so far.
public struct EnsembleTraffic: Codable, Sendable, Equatable {
    public var bytesSent = 0
    public var bytesReceived = 0
    /// Spent in waiting for other ranks, to send or to receive.
    public var secondsWaited = 0.0

    public init() {}
}

/// Why ranks cannot go on together.
public struct EnsembleError: Error, CustomStringConvertible {
    public enum Kind: Sendable {
        /// There is no library to send messages with, or none that fits.
        case unsupported
        /// Ranks differ in what they were given.
        case different
        /// A rank is gone, or does not answer.
        case lost
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) { (self.kind, self.description) = (kind, description) }
}

extension Ensemble {
    /// Whether there are others.
    public var isShared: Bool { count > 1 }
    /// Whether this is the rank that writes and prints.
    public var isFirst: Bool { rank == 0 }
}

/// One process by itself.
public final class LocalEnsemble: Ensemble {
    public init() {}

    public var rank: Int { 0 }
    public var count: Int { 1 }
    public var host: String { "" }
    public var traffic: EnsembleTraffic { EnsembleTraffic() }

    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws { preconditionFailure("there is no rank \(rank)") }
    public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws { preconditionFailure("there is no rank \(rank)") }
    public func advance(by units: Int, remark: String) {}
    public func post(_ bytes: [UInt8]) throws {}
    public func whenPosted(_ body: (@Sendable (_ bytes: [UInt8], _ rank: Int) -> Void)?) {}
    public func whenAdvanced(_ body: (@Sendable (_ units: Int, _ remark: String) -> Void)?) {}
}

import Execution

/// Bytes that are written once, in parts, and read when there is time: in memory where they are few, on scratch else.
///
/// Safe to share: who has it sees to who writes when, as with memory.
public final class WorkingBytes: ByteSource, @unchecked Sendable {
    private let room: WorkingRoom

    /// - Throws: `ScratchError`.
    public init(byteCount: Int, _ memory: WorkingMemory) throws { room = try memory.room(byteCount) }

    /// The first byte.
    public var base: UnsafeMutableRawPointer { room.base }

    /// Lets go of the memory of what is not needed for a while, if it is on scratch.
    public func letGo() { room.letGo() }

    public var byteCount: Int { room.byteCount }
    public var isAddressable: Bool { true }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: room.base, count: room.byteCount)) }
    }
}

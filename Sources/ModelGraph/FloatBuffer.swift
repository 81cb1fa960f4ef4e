import Execution

/// Floats that are changed in place: in memory where they are few, on scratch else.
///
/// Safe to share: who has it sees to who writes when, as with memory.
public final class FloatBuffer: ByteSource, @unchecked Sendable {
    public let count: Int
    private let base: UnsafeMutablePointer<Float>
    private let room: WorkingRoom

    /// So many zeros.
    ///
    /// - Throws: `ScratchError`.
    public init(zeros count: Int, _ memory: WorkingMemory) throws {
        self.count = count
        room = try memory.room(count * MemoryLayout<Float>.size)
        base = room.base.bindMemory(to: Float.self, capacity: max(count, 1))
        base.initialize(repeating: 0, count: count)
    }

    /// A copy of `values`.
    public convenience init(copying values: [Float], _ memory: WorkingMemory) throws {
        try self.init(zeros: values.count, memory)
        values.withUnsafeBufferPointer { values in
            if let source = values.baseAddress { base.update(from: source, count: values.count) }
        }
    }

    public var floats: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: base, count: count) }

    /// Copies all values of another of the same length.
    public func set(_ other: FloatBuffer) {
        precondition(other.count == count, "\(other.count) floats for \(count)")
        base.update(from: other.base, count: count)
    }

    /// Lets go of the memory of values that are not needed for a while, if they are on scratch.
    public func letGo() { room.letGo() }

    public var byteCount: Int { count * MemoryLayout<Float>.size }
    public var isAddressable: Bool { true }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: base, count: byteCount)) }
    }
}

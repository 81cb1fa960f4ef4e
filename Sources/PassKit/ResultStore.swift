import Execution
import ModelGraph
import Synchronization

/// Where what passes make waits to be written: in memory as long as it is little, elsewhere from then on, so that memory does not grow with
/// the model.
public final class ResultStore: Sendable {
    private let memoryLimit: Int
    private let move: @Sendable (UnsafeRawBufferPointer) throws -> any ByteSource
    private let inMemory = Mutex(0)

    /// What may stay in memory where nobody says.
    public static let usualMemoryLimit = 64 << 20
    /// Parts of fewer bytes stay in memory: as many as a model has would not be worth a mapping each.
    private static let leastBytes = 1 << 16

    /// - Parameters:
    ///   - memoryLimit: bytes that may stay in memory.
    ///   - move: puts bytes elsewhere; called on several threads.
    public init(memoryLimit: Int = usualMemoryLimit, move: @escaping @Sendable (UnsafeRawBufferPointer) throws -> any ByteSource) {
        self.memoryLimit = memoryLimit
        self.move = move
    }

    /// Results that go to the scratch of the work's memory where they are too many for it.
    public convenience init(_ memory: WorkingMemory) {
        self.init(memoryLimit: min(Self.usualMemoryLimit, memory.byteLimit / 16)) { try ScratchBytes(copying: $0, memory.scratch()) }
    }

    /// The payload, with bytes elsewhere when there is too much in memory already.
    func keep(_ payload: Payload) throws -> Payload {
        let bytes = payload.ownedByteCount
        let fits = inMemory.withLock { count in
            guard count + bytes <= memoryLimit else { return false }
            count += bytes
            return true
        }
        return fits ? payload : try payload.movingOwnedBytes(ofAtLeast: Self.leastBytes, move)
    }

    /// Makes room for the next pass: moves what is in memory, if it is more than half of what may be there.
    func settle(_ graph: inout TensorGraph) throws {
        func owned() -> Int { graph.tensors.reduce(0) { $0 + $1.payload.ownedByteCount } }
        if owned() > memoryLimit / 2 {
            for tensor in graph.tensors {
                try graph.setPayload(tensor.payload.movingOwnedBytes(ofAtLeast: Self.leastBytes, move), of: tensor.name)
            }
        }
        let left = owned()
        inMemory.withLock { $0 = left }
    }
}

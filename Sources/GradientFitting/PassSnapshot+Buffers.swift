import ModelGraph
import PassKit

extension PassSnapshot {
    /// Adds values that move.
    public mutating func set(_ name: String, _ buffer: FloatBuffer) throws {
        arrays[name] = try DenseTensor(dtype: .f32, shape: Shape(count: buffer.count), bytes: buffer)
    }

    /// Puts back values that were added.
    ///
    /// - Throws: `PassError` for a snapshot that does not have them.
    public func restore(_ name: String, to buffer: FloatBuffer, pass: String) throws {
        guard let kept = try floats(name), kept.count == buffer.count else { throw PassSnapshot.foreign(to: pass) }
        let floats = buffer.floats
        for slot in kept.indices { floats[slot] = kept[slot] }
    }

    /// What is thrown for a snapshot that is not one of a pass on these tensors.
    public static func foreign(to pass: String) -> PassError {
        PassError(.unsupported, pass: pass, "what an interrupted run has kept does not fit this model")
    }
}

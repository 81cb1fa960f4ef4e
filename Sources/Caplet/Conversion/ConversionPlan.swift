import FormatKit
import ModelGraph

/// What a conversion would write: each tensor before and after, and the files.
public struct ConversionPlan: Encodable, Sendable {
    /// A tensor before and after.
    public struct TensorChange: Encodable, Sendable {
        /// The name.
        public let name: String
        /// How the tensor is stored, such as "F32"; empty for one that is new.
        public let before: String
        /// How it would be stored.
        public let after: String
        /// Bytes that it takes.
        public let bytesBefore: Int
        /// Bytes that it would take.
        public let bytesAfter: Int
    }

    /// A file that would be written.
    public struct File: Encodable, Sendable {
        /// The name.
        public let name: String
        /// Its size.
        public let bytes: Int
    }

    /// Where the output would be.
    public let output: String
    /// The name of its format.
    public let format: String
    /// Each tensor, in the order of the output.
    public let tensors: [TensorChange]
    /// Each file.
    public let files: [File]
    /// Bytes of all files.
    public let bytes: Int
    /// Whether the sizes are exact, not upper bounds.
    public let isExact: Bool
    /// What the format cannot carry, one line each.
    public let warnings: [String]

    init(output: String, format: String, _ original: TensorGraph, _ plan: WritePlan) {
        self.output = output
        self.format = format
        tensors = plan.tensors.map { planned in
            let payload = original[planned.name]?.payload
            return TensorChange(
                name: planned.name, before: payload?.storageText ?? "", after: planned.storage,
                bytesBefore: payload?.byteCount ?? 0, bytesAfter: planned.bytes)
        }
        files = plan.files.map { File(name: $0.name, bytes: $0.bytes) }
        bytes = plan.byteCount
        isExact = plan.isExact
        warnings = plan.warnings
    }
}

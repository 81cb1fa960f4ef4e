import FormatKit
import ModelGraph

/// What a conversion would write: each tensor before and after, and the files.
public struct ConversionPlan: Encodable, Sendable {
    public struct TensorChange: Encodable, Sendable {
        public let name: String
        /// How the tensor is stored, such as "F32"; empty for one that is new.
        public let before: String
        public let after: String
        public let bytesBefore: Int
        public let bytesAfter: Int
    }

    public struct File: Encodable, Sendable {
        public let name: String
        public let bytes: Int
    }

    public let output: String
    public let format: String
    public let tensors: [TensorChange]
    public let files: [File]
    public let bytes: Int
    /// Whether the sizes are exact, not upper bounds.
    public let isExact: Bool
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

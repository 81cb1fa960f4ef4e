import FormatKit
import ModelGraph

/// What `convert --dry-run` says: each tensor before and after, and the files.
struct ConversionPlan: Encodable {
    struct TensorChange: Encodable {
        let name: String
        let before: String
        let after: String
        let bytesBefore: Int
        let bytesAfter: Int
    }

    struct File: Encodable {
        let name: String
        let bytes: Int
    }

    let output: String
    let format: String
    let tensors: [TensorChange]
    let files: [File]
    let bytes: Int
    /// Whether the sizes are exact, not upper bounds.
    let isExact: Bool
    let warnings: [String]

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

    func print(_ session: Session) {
        var table = TextTable(header: ["tensor", "stored", "would be", "bytes", "would be"], rightAligned: [3, 4])
        for tensor in tensors {
            table.add([
                tensor.name, tensor.before, tensor.after, NumberText.grouped(tensor.bytesBefore), NumberText.grouped(tensor.bytesAfter),
            ])
        }
        table.lines.forEach(session.print)
        session.print("")
        var list = TextTable(header: ["file", isExact ? "bytes" : "at most bytes"], rightAligned: [1])
        for file in files { list.add([file.name, NumberText.grouped(file.bytes)]) }
        list.lines.forEach(session.print)
        session.print("")
        session.print("\(output) as \(format): \(isExact ? "" : "at most ")\(NumberText.grouped(bytes)) bytes; nothing was written")
    }
}

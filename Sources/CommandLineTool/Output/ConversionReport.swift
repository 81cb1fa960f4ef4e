import Caplet

/// What `convert` prints at its end.
struct ConversionReport {
    let output: String
    let result: ConversionResult

    func print(_ session: Session) throws {
        let (plan, seconds, adapter) = (result.plan, result.seconds, result.adapter)
        if session.options.json {
            session.print(try result.line(output: output))
            return
        }
        // A model in parts has no file of the name that was asked for.
        let parts = plan.files.filter { $0.name.hasSuffix(".gguf") }
        let written = result.isSplit ? "\(parts[0].name) and \(parts.count - 1) more" : output
        session.print(
            "wrote \(written) as \(result.format): \(plan.tensors.count) tensors, \(NumberText.grouped(plan.byteCount)) bytes in "
                + "\(NumberText.decimal(seconds, places: 2)) s, \(NumberText.decimal(result.megabytesPerSecond, places: 0)) MB/s")
        if let vision = result.vision {
            session.print(
                "wrote \(vision.output) as mmproj: \(vision.tensors) tensors of the vision tower and projector, "
                    + "\(NumberText.grouped(vision.bytes)) bytes")
        }
        if let adapter {
            session.print(
                "wrote \(adapter.output) as LoRA adapter: \(adapter.layers) layers, largest rank \(adapter.largestRank), "
                    + "\(NumberText.grouped(adapter.bytes)) bytes")
        }
    }
}

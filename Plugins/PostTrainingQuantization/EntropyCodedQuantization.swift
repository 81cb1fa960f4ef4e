import ModelGraph
import PassKit

/// Codes for an entropy coder: one step for all tensors, in units of what errors cost, found by search so that a rate or a size is met.
struct EntropyCodedQuantization {
    let pass: QuantizePass

    /// The rate, and the size of the file, end at most these shares below what is asked for.
    private static let rateSlack = 0.002
    private static let sizeSlack = 0.004

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: QuantizePass.name)
        let (selected, leftAlone) = try pass.selection.split(graph, pass: QuantizePass.name)
        report.leftAlone = leftAlone
        context.execution.progress.begin(QuantizePass.name, total: RateSearch.limit, unit: "rounds")
        defer { context.execution.progress.end() }
        let run = try EntropyCodedRun(pass, selected, context)
        guard !run.isEmpty else {
            report.notes.append(
                "nothing to quantise: no selected tensor has a part among target=\(pass.target.sorted().joined(separator: "+"))")
            return report
        }
        if pass.splitsOffComponents { try run.splitOffLeadingComponents(step: run.start(bits: self.rate(run))) }
        let step = try pass.size.map { try meet(size: $0, run, graph, selected, context) } ?? meetRate(run)
        var bits = 0.0
        for (tensor, made) in zip(selected, try run.keptPayloads()) {
            let rate = made.bits / Double(max(tensor.shape.elementCount, 1))
            bits += made.bits
            report.tensors.append(
                try TensorReport(comparing: tensor, with: made.payload, [Measurement(name: "entropyBitsPerWeight", value: rate)]))
            try graph.setPayload(made.payload, of: tensor.name)
        }
        report.measure("step", step)
        report.measure("entropyBitsPerValue", bits / Double(max(run.valueCount, 1)))
        return report
    }

    /// Bits a value, about: a file of a size has little else.
    private func rate(_ run: EntropyCodedRun) -> Double {
        pass.size.map { min(Double($0) * 8 / Double(max(run.valueCount, 1)), 6) } ?? pass.bits
    }

    /// Rounds until codes and scales need as many bits as asked for, and keeps that.
    private func meetRate(_ run: EntropyCodedRun) throws -> Double {
        let target = pass.bits * Double(run.valueCount)
        let found = try search(target, slack: Self.rateSlack, start: run.start(bits: pass.bits), run) { run.bits }
        guard let found else {
            throw PassError(.usage, pass: QuantizePass.name, "bits=\(pass.bits) is too little: scales alone take more")
        }
        return found.step
    }

    /// Rounds until the file has as many bytes as asked for, and keeps that.
    private func meet(
        size: Int, _ run: EntropyCodedRun, _ graph: TensorGraph, _ selected: [Tensor], _ context: PassContext
    ) throws -> Double {
        guard let outputByteCount = context.outputByteCount else {
            throw PassError(.usage, pass: QuantizePass.name, "size= goes with an output in the caplet format")
        }
        var sizes: [Double] = []
        let found = try search(Double(size), slack: Self.sizeSlack, start: run.start(bits: rate(run)), run) {
            var made = graph
            for (tensor, new) in zip(selected, try run.payloads()) { try made.setPayload(new.payload, of: tensor.name) }
            sizes.append(Double(try outputByteCount(made)))
            return sizes[sizes.count - 1]
        }
        guard let found else {
            let least = sizes.min().map { "; the smallest file that was made has \(Int($0)) bytes" } ?? ""
            throw PassError(.usage, pass: QuantizePass.name, "size=\(size) is too little\(least)")
        }
        guard found.rate >= 0.995 * Double(size) else {
            throw PassError(
                .usage, pass: QuantizePass.name,
                "no step gives a file of size=\(size), or up to 0.5 % less; the nearest below has \(Int(found.rate)) bytes. Codes are bytes: "
                    + "what is too large for them is packed without loss by --lossless")
        }
        return found.step
    }

    private func search(
        _ target: Double, slack: Double, start: Double, _ run: EntropyCodedRun, _ rate: () throws -> Double
    ) throws -> (step: Double, rate: Double)? {
        var best = -Double.infinity
        return try RateSearch(slack: slack).find(target: target, start: start) { step in
            guard try run.round(step: step) else { return 4 * target }
            let found = try rate()
            if found <= target, found > best {
                best = found
                run.keep()
            }
            return found
        }
    }
}

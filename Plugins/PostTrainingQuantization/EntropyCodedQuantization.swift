import CLibrary
import ModelGraph
import PassKit

/// Codes for an entropy coder: one step for all tensors, in units of what errors cost, found by search so that a rate or a size is met.
struct EntropyCodedQuantization {
    let pass: QuantizePass

    /// The rate, and the size of the file, end at most these shares below what is asked for.
    private static let rateSlack = 0.002
    private static let sizeSlack = 0.004
    /// The share of a file that is kept free for other scales, of which some take more bytes.
    private static let scaleReserve = 0.0005
    /// The increase of the loss ends at most this share below what is allowed.
    private static let lossSlack = 0.05
    /// A loss on text is noise beyond some digit: more steps find nothing better.
    private static let lossRounds = 10
    /// Rounds that a search mostly takes.
    private static let usualRounds = 9
    /// Rounds by which the lengths of codes settle before a search: each is made with those of the round before, so that a rate falls from round to round
    /// at one step, and what a search would close in on would move.
    private static let learningRounds = 4

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: QuantizePass.name)
        let (selected, leftAlone) = try pass.selection.split(graph, pass: QuantizePass.name)
        let waiting = waiting(selected, context.original.structure)
        report.leftAlone = leftAlone + waiting.sorted().map { LeftAlone(name: selected[$0].name, reason: "its block is coded later") }
        context.execution.progress.begin(QuantizePass.name, total: Self.usualRounds, unit: "rounds")
        defer { context.execution.progress.end() }
        let run = try EntropyCodedRun(pass, selected, context)
        guard !run.isEmpty else { return report }
        let roughly = try run.start(pass.aim)
        if pass.splitsOffComponents { try run.splitOffLeadingComponents(step: roughly) }
        let start: Double
        switch pass.aim {
        case .bits(let bits): start = try run.sampledStart(bits: bits, from: roughly)
        case .size(let size): start = try run.sampledStart(bits: min(8 * Double(size) / Double(max(run.valueCount, 1)), 6), from: roughly)
        case .lossIncrease: start = roughly
        }
        let before = graph
        func made() throws -> TensorGraph {
            var made = before
            for (tensor, new) in zip(selected, try run.payloads()) { try made.setPayload(new.payload, of: tensor.name) }
            return made
        }
        let step: Double
        var refitted: TensorGraph?
        switch pass.aim {
        case .bits(let bits): step = try meet(bits: bits, start, run)
        case .size(let size): step = try meet(size: size, start, run, context, &report, made)
        case .lossIncrease(let increase): (step, refitted) = try meet(lossIncrease: increase, start, run, context, &report, before, made)
        }
        var bits = 0.0
        let payloads = try run.keptPayloads()
        let shares = try run.rankAndZeros()
        for (index, tensor) in selected.enumerated() where !waiting.contains(index) {
            let made = payloads[index]
            let rate = made.bits / Double(max(tensor.shape.elementCount, 1))
            bits += made.bits
            let (payload, entry) = try context.finishing(tensor) {
                let figures = [Measurement(name: "entropyBitsPerWeight", value: rate)] + shares[index].measurements
                let payload = refitted?[tensor.name]?.payload ?? made.payload
                return (payload, try TensorReport(comparing: tensor, with: payload, figures, context.execution))
            }
            report.tensors.append(entry)
            try graph.setPayload(payload, of: tensor.name)
        }
        report.measure("step", step)
        let stored = selected.indices.filter { !waiting.contains($0) }
        let values = stored.reduce(0) { $0 + run.valueCount(of: $1) }
        report.measure("entropyBitsPerValue", bits / Double(max(values, 1)))
        let all = stored.reduce(into: RankAndZeros()) { $0.add(shares[$1]) }
        report.measurements += all.measurements
        report.notes.append(all.note(tensors: stored.count { shares[$0].rank > 0 }))
        return report
    }

    /// The tensors, by number, that are coded in the search alone.
    private func waiting(_ tensors: [Tensor], _ structure: GraphStructure) -> Set<Int> {
        let first = structure.blockCount - Int((pass.later * Double(structure.blockCount)).rounded())
        return Set(tensors.indices.filter { index in structure.block(of: tensors[index].name).map { $0 >= first } ?? false })
    }

    /// Rounds until codes and scales need as many bits as asked for, and keeps that.
    private func meet(bits: Double, _ start: Double, _ run: EntropyCodedRun) throws -> Double {
        let found = try search(bits * Double(run.valueCount), slack: Self.rateSlack, start, run) { try run.bits() }
        guard let found else {
            throw PassError(.usage, pass: QuantizePass.name, "bits=\(bits) is too little: scales alone take more")
        }
        return found.step
    }

    /// Rounds until the file has as many bytes as asked for, and keeps that.
    private func meet(
        size: Int, _ start: Double, _ run: EntropyCodedRun, _ context: PassContext, _ report: inout PassReport,
        _ made: () throws -> TensorGraph
    ) throws -> Double {
        guard let outputByteCount = context.outputByteCount else {
            throw PassError(.usage, pass: QuantizePass.name, "size= goes with an output in the caplet format")
        }
        var sizes: [Double] = []
        // What a refit leaves of fine scales is coded in some bytes more or less.
        let aim = pass.columnsAreFine ? Double(size) * (1 - Self.scaleReserve) : Double(size)
        let found = try search(aim, slack: Self.sizeSlack, start, run) {
            sizes.append(Double(try outputByteCount(try made())))
            return sizes[sizes.count - 1]
        }
        guard let found else {
            let least = sizes.min().map { "; the smallest file that was made has \(Int($0)) bytes" } ?? ""
            throw PassError(.usage, pass: QuantizePass.name, "size=\(size) is too little\(least)")
        }
        if found.rate < 0.995 * Double(size) {
            report.warn("quantize: no step gives a file of size=\(size), or up to 0.5 % less; this one has \(Int(found.rate)) bytes")
        }
        return found.step
    }

    /// Rounds until the mean loss has risen by as much as is allowed, and keeps that. The loss is of text that errors were not fitted to,
    /// where there is any.
    ///
    /// - Returns: the step, and the graph with the scales that a refit has moved where there is one.
    private func meet(
        lossIncrease: Double, _ start: Double, _ run: EntropyCodedRun, _ context: PassContext, _ report: inout PassReport,
        _ before: TensorGraph, _ made: () throws -> TensorGraph
    ) throws -> (step: Double, refitted: TensorGraph?) {
        let loss = try HeldBackLoss(context)
        try run.learnLengths(step: start)
        var (step, found) = (start, 0.0)
        func find(_ increase: Double) throws -> EntropyCodedRun.Settings {
            found = try self.search(lossIncrease: increase, step, run) { try loss.increase(made()) }
            guard let best = run.best else { preconditionFailure("a round was kept") }
            step = best.step
            return best
        }
        guard let refit = pass.refit else {
            _ = try find(lossIncrease)
            loss.report(found, in: &report)
            return (step, nil)
        }
        let search = RefittedIncrease(
            allowed: lossIncrease, settings: refit, selection: pass.refitSelection, context: context, loss: loss)
        let (refitted, increase) = try search.run(&report, find: find) { settings in
            run.keep(settings)
            var graph = before
            for (tensor, new) in zip(try pass.selection.split(before, pass: QuantizePass.name).selected, try run.keptPayloads()) {
                try graph.setPayload(new.payload, of: tensor.name)
            }
            return graph
        }
        loss.report(increase, in: &report)
        return (run.best?.step ?? step, refitted)
    }

    /// Rounds until the loss has risen by as much as is allowed, and keeps the one that came nearest.
    ///
    /// - Returns: by how much that one raises it.
    private func search(
        lossIncrease: Double, _ start: Double, _ run: EntropyCodedRun, _ increase: () throws -> Double
    ) throws -> Double {
        var best: Double?
        // The loss falls as steps do, so it is the step's inverse that is looked for.
        _ = try RateSearch(slack: Self.lossSlack, limit: Self.lossRounds).find(target: lossIncrease, start: 1 / start) { inverse in
            guard let found = try run.round(step: 1 / inverse, rate: increase) else { return 0 }
            if found <= lossIncrease, found > best ?? 0 {
                best = found
                run.keep()
            }
            return found
        }
        guard let best else {
            throw PassError(
                .usage, pass: QuantizePass.name,
                "no step raises the loss by increase=\(lossIncrease) or less. Codes are bytes", remedy: .packLosslessly)
        }
        return best
    }

    private func search(
        _ target: Double, slack: Double, _ start: Double, _ run: EntropyCodedRun, _ rate: () throws -> Double
    ) throws -> (step: Double, rate: Double)? {
        try run.learnLengths(step: start)
        var step = start
        for _ in 1..<Self.learningRounds {
            step *= exp2(RateSearch.change(try run.round(step: step, rate: rate) ?? 4 * target, aim: target))
        }
        var best = -Double.infinity
        return try RateSearch(slack: slack).find(target: target, start: step) { step in
            guard let found = try run.round(step: step, rate: rate) else { return 4 * target }
            if found <= target, found > best {
                best = found
                run.keep()
            }
            return found
        }
    }
}

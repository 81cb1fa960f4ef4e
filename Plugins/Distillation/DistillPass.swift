import GradientFitting
import ModelGraph
import PassKit

/// Moves the values of a model, the student, so that it predicts what another one of the same vocabulary does, the teacher (Hinton et al., arXiv
/// 1503.02531): all values of dense matrices, what a pruning pass kept, U, V and S on its positions, and the scales of codes. No position, rank,
/// parameter or code is added.
///
/// What becomes small is T²·KL(softmax(z₀/T) ‖ softmax(z/T)) in nats a token, z₀ the teacher's logits, and with hidden=λ λ times the mean over blocks and
/// positions of ‖h − h₀‖² / ‖h₀‖², h what leaves a block and h₀ what leaves the teacher's of the same share of its depth (TinyBERT, arXiv
/// 1909.10351, equations 8 and 10, without a projection and as a share of the teacher's square). Embeddings, head and norms stay.
///
/// Cost for N calibration tokens, P parameters of the student's linear layers and p passes: as `refit`, 10·P·N·p floating-point operations, and one forward
/// pass of the teacher over all that is learned from; with hidden states one a pass. The teacher stays in its file.
public struct DistillPass: Pass {
    public static let name = "distill"
    public static let summary =
        "move a model's values so that it predicts what a teacher does: the original, or any model of the same vocabulary"

    private static let teacher = OptionOrWord<PathOption>(
        "teacher", or: "original", "the model to learn from, of the same tokenizer and any size; paths have no spaces and none of {},=#")
    private static let temperature = NumberOption(
        "temperature", in: 0.1...100, default: 1, "what logits of both are divided by; above 1 unlikely tokens count for more")
    private static let hidden = NumberOption(
        "hidden", in: 0...1000, default: 0,
        "weight of what blocks put out beside the predictions, as shares of the teacher's square; needs a teacher of the same width")
    private static let gradients = GradientSettings.Options(passes: 8)
    public static let options: [any PassOption] =
        [teacher, temperature, hidden] + gradients.all + [SizeLimit.option, TensorSelection.option]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.other

    private static let kinds: MovableKinds = [.scales, .dense]

    private let aim: DistillationAim
    private let settings: GradientSettings
    private let limit: SizeLimit
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        aim = DistillationAim(
            teacher: options[Self.teacher], temperature: options[Self.temperature], hidden: options[Self.hidden])
        settings = Self.gradients.chosen(options)
        limit = SizeLimit(options)
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }
    public var distillation: DistillationAim? { aim }

    /// Five forward passes of the student a pass, and the teacher's; the values, the best of them and two moments of all that moves.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(operations: 0, bytesMoved: 200 * m * n, workingBytes: 0, resultBytes: 4 * m * n, parallelism: 1)
        }
        guard let calibration else { return nil }
        let ofTeacher = aim.hidden > 0 ? Double(settings.passes) + 1 : settings.mostSequences
        cost.operations += 5 * Double(settings.passes) * calibration.forward + 2 * calibration.forward
        cost.operations += ofTeacher * calibration.forward(of: aim)
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        calibration.add(to: &cost)
        cost.workingBytes *= 3
        cost.sharedBytes += calibration.blockBytes
        cost.scratchBytes += 16 * moving
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        try limit.check(pass: Self.name, context)
        let movable = try MovableTensors(
            graph, selection, pass: Self.name, context, Self.kinds,
            outsideBlocks: "is no linear layer of a block: gradients are of those")
        report.leftAlone = movable.leftAlone
        guard !movable.tensors.isEmpty else {
            report.notes.append("nothing here can move: no tensor has values in floats, or codes")
            return report
        }
        let names = LossRefit.Names(
            figure: "distillation", text: aim.hidden > 0 ? "distance from the teacher" : "divergence from the teacher")
        let results = try LossRefit(pass: Self.name, settings, movable, Self.kinds, context)
            .run(names, &report) { [graph] in try $0.distillation(of: graph, aim) }
        try limit.take(results, into: &graph, pass: Self.name, context, &report)
        return report
    }
}

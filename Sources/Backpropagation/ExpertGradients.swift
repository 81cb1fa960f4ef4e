import Architectures
import Inference

/// Gradients of what a block with experts makes of one sequence; shapes in elements, R the rows of all experts together.
final class ExpertGradients {
    let input: UnsafeMutablePointer<Float>  // [R, hidden]
    let gate: UnsafeMutablePointer<Float>  // [R, size]
    let up: UnsafeMutablePointer<Float>  // [R, size]
    let down: UnsafeMutablePointer<Float>  // [R, hidden]
    let sharedGate: UnsafeMutablePointer<Float>  // [T, shared size]
    let sharedUp: UnsafeMutablePointer<Float>  // [T, shared size]
    let sharedDown: UnsafeMutablePointer<Float>  // [T, hidden]
    /// Of the router's scores.
    let scores: UnsafeMutablePointer<Float>  // [T, experts]
    let sharedScores: UnsafeMutablePointer<Float>  // [T]
    private let memory: FloatArena

    init(_ c: ModelConfiguration, _ experts: RoutedExperts, tokens: Int) {
        let (rows, shared) = (tokens * experts.chosen, tokens * experts.sharedSize)
        memory = FloatArena(counts: [
            rows * c.hiddenSize, rows * experts.size, rows * experts.size, rows * c.hiddenSize, shared, shared,
            experts.sharedSize > 0 ? tokens * c.hiddenSize : 0, tokens * experts.count, tokens,
        ])
        let parts = memory.parts
        (input, gate, up, down) = (parts[0], parts[1], parts[2], parts[3])
        (sharedGate, sharedUp, sharedDown, scores, sharedScores) = (parts[4], parts[5], parts[6], parts[7], parts[8])
    }
}

extension GradientState {
    /// How many rows a layer read.
    func rowCount(of layer: BlockLayer) -> Int { layer.expert.map { run.experts?.routing?.rows(of: $0).count ?? 0 } ?? tokens }

    /// A matrix of the rows of all experts from the first row of one of them on.
    func rows(_ matrix: UnsafeMutablePointer<Float>, _ width: Int, of expert: Int) -> UnsafePointer<Float> {
        UnsafePointer(matrix + (run.experts?.routing?.starts[expert] ?? 0) * width)
    }
}

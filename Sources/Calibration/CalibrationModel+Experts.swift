import Architectures
import Inference
import LinearAlgebra

/// The experts that saw too few tokens of a calibration set to tell what they read.
struct ScarceExperts {
    private struct Place: Hashable {
        let block: Int
        let expert: Int
    }

    private var places: Set<Place> = []
    private var fewest = 0

    /// An expert with fewer rows than this share of its input's width has no statistics of its own.
    private static let share = 8

    /// How many rows a statistic of so many inputs takes.
    static func rowsNeeded(width: Int) -> Int { max(width / share, 1) }

    mutating func note(block: Int, expert: Int, needed: Int) {
        places.insert(Place(block: block, expert: expert))
        fewest = max(fewest, needed)
    }

    /// Nil where all saw enough.
    func note(of experts: RoutedExperts?) -> String? {
        guard experts != nil, let first = places.min(by: { ($0.block, $0.expert) < ($1.block, $1.expert) }) else { return nil }
        return "\(places.count) experts saw fewer than \(fewest) tokens of the calibration text, expert \(first.expert) of block "
            + "\(first.block) the first; they are compressed by what all tokens bring to their block: a longer text would tell"
    }
}

/// Statistics of experts are means over the tokens that were sent to them. Where these are too few what all tokens bring stands in: for what
/// an expert reads the input of the block's MLP, for what its second layer reads the mean square of those of all experts, the same for each.
extension CalibrationModel {
    /// The inputs that have to be seen for those of some groups.
    func inputsToSee(for groups: [BlockInput], _ block: Int) -> [BlockInput] {
        guard let experts = model.configuration.experts(inBlock: block) else { return groups }
        var others: [BlockInput] = []
        for group in groups {
            if case .expertInput = group { others.append(.mlpInput) }
            if case .expertOutput = group { others += (0..<experts.count).map { .expertOutput($0) } }
            if others.count > experts.count { break }
        }
        return model.configuration.inputs(ofBlock: block).filter(Set(groups + others).contains)
    }

    /// - Parameters:
    ///   - sums: XᵀX over `total`.
    ///   - rows: of X.
    func standInForScarce(
        _ sums: inout [BlockInput: Matrix], _ rows: [BlockInput: Int], total: Int, _ block: Int, wanted: [BlockInput]
    ) {
        guard let experts = model.configuration.experts(inBlock: block) else { return }
        let outputs = (0..<experts.count).map { BlockInput.expertOutput($0) }
        let traces = outputs.reduce(0.0) { $0 + (sums[$1].map { sum in (0..<sum.rows).reduce(0.0) { $0 + Double(sum[$1, $1]) } } ?? 0) }
        let seen = outputs.reduce(0) { $0 + (rows[$1] ?? 0) }
        let meanSquare = traces * Double(total) / Double(max(seen * experts.size, 1))
        for input in wanted {
            let (expert, width): (Int, Int)
            switch input {
            case .expertInput(let number): (expert, width) = (number, model.configuration.hiddenSize)
            case .expertOutput(let number): (expert, width) = (number, experts.size)
            default: continue
            }
            let found = rows[input] ?? 0
            if found >= ScarceExperts.rowsNeeded(width: width), var sum = sums[input] {
                let scale = Float(Double(total) / Double(found))
                for index in sum.elements.indices { sum.elements[index] *= scale }
                sums[input] = sum
            } else if case .expertInput = input {
                scarceExperts.note(block: block, expert: expert, needed: ScarceExperts.rowsNeeded(width: width))
                sums[input] = sums[.mlpInput]
            } else {
                scarceExperts.note(block: block, expert: expert, needed: ScarceExperts.rowsNeeded(width: width))
                var sum = Matrix(zeros: width, width)
                for index in 0..<width { sum[index, index] = Float(meanSquare) }
                sums[input] = sum
            }
        }
    }

    /// Root mean squares of the inputs of a block.
    func inputNorms(_ sums: [BlockInput: InputSquares.Sums], _ block: Int) -> [BlockInput: [Float]] {
        let inputs = model.configuration.inputs(ofBlock: block)
        let experts = model.configuration.experts(inBlock: block)
        func norms(_ input: BlockInput) -> [Float]? {
            guard let found = sums[input], found.rows > 0 else { return nil }
            return found.squares.map { Float(($0 / Double(found.rows)).squareRoot()) }
        }
        var (all, seen) = (0.0, 0)
        for case .expertOutput(let expert) in inputs {
            guard let found = sums[.expertOutput(expert)] else { continue }
            all += found.squares.reduce(0, +)
            seen += found.rows
        }
        var result: [BlockInput: [Float]] = [:]
        for input in inputs {
            switch input {
            case .expertInput(let expert):
                let needed = ScarceExperts.rowsNeeded(width: model.configuration.hiddenSize)
                let isScarce = (sums[input]?.rows ?? 0) < needed
                if isScarce { scarceExperts.note(block: block, expert: expert, needed: needed) }
                result[input] = norms(isScarce ? .mlpInput : input)
            case .expertOutput(let expert):
                let size = experts?.size ?? 0
                let needed = ScarceExperts.rowsNeeded(width: size)
                guard (sums[input]?.rows ?? 0) < needed else {
                    result[input] = norms(input)
                    continue
                }
                scarceExperts.note(block: block, expert: expert, needed: needed)
                result[input] = [Float](repeating: Float((all / Double(max(seen * size, 1))).squareRoot()), count: size)
            default: result[input] = norms(input)
            }
        }
        return result
    }
}

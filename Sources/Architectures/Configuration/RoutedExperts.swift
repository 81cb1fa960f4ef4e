/// The MLP of mixture-of-experts models (Shazeer et al. 2017, arXiv 1701.06538): a router picks for every token some of the experts, each
/// an MLP of its own, and adds what these put out, by weights that come of its scores.
public struct RoutedExperts: Equatable, Sendable {
    /// What the router's scores s become.
    public enum Scoring: Sendable {
        /// e^sᵢ / Σ e^sⱼ.
        case softmax
        /// 1 / (1 + e^−s) of each.
        case sigmoid
    }

    public var count: Int
    /// Experts that a token goes through.
    public var chosen: Int
    /// The intermediate size of each expert.
    public var size: Int
    /// Whether the weights of the chosen experts are divided by their sum, which makes them the softmax of their scores alone.
    public var renormalises: Bool
    public var scoring = Scoring.softmax
    /// What the weights are multiplied by, after they were divided.
    public var scale = 1.0
    /// Experts are chosen from so many of these groups, which follow each other: those with the largest sums of their best.
    public var groups = 1
    public var chosenGroups = 1
    public var bestOfGroup = 1
    /// Whether what an expert reads is multiplied by the weight, not what it puts out.
    public var weighsInput = false
    /// The intermediate size of the expert that all tokens go through beside these; 0 where there is none.
    public var sharedSize = 0
    /// Blocks have experts where their number, counted from 1, is a multiple of this, and they are not among `denseBlocks`.
    public var step = 1
    public var denseBlocks: Set<Int> = []

    static let maximumCount = 4096

    package init(count: Int, chosen: Int, size: Int, renormalises: Bool) {
        (self.count, self.chosen, self.size, self.renormalises) = (count, chosen, size, renormalises)
    }

    /// Whether blocks have experts where config.json lists them, and which; nil for those of `step` and `denseBlocks`.
    public var listed: Set<Int>?

    public func isIn(block: Int) -> Bool {
        listed?.contains(block) ?? (step > 0 && (block + 1) % step == 0 && !denseBlocks.contains(block))
    }

    /// Whether every block has them.
    public var isInAllBlocks: Bool { step == 1 && denseBlocks.isEmpty && listed == nil }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    func checkInvariants() throws {
        guard (1...RoutedExperts.maximumCount).contains(count) else { throw ConfigurationError("the number of experts is \(count)") }
        guard (1...count).contains(chosen) else { throw ConfigurationError("\(chosen) of \(count) experts cannot be chosen") }
        let sizes = 0...ModelConfiguration.maximumDimension
        guard size > 0, sizes.contains(size) else { throw ConfigurationError("the intermediate size of experts is \(size)") }
        guard sizes.contains(sharedSize) else { throw ConfigurationError("the intermediate size of the shared expert is \(sharedSize)") }
        guard scale.isFinite, Float(scale).isFinite, scale > 0 else {
            throw ConfigurationError("the factor of the weights of experts is \(scale)")
        }
        guard groups > 0, count % groups == 0, (1...groups).contains(chosenGroups), count / groups >= bestOfGroup || groups == 1,
            chosen <= chosenGroups * (count / groups)
        else {
            throw ConfigurationError("\(chosen) of \(count) experts cannot be chosen from \(chosenGroups) of \(groups) groups")
        }
        guard step > 0 else { throw ConfigurationError("the step of blocks with experts is \(step)") }
    }
}

extension ModelConfiguration {
    /// The experts of a block; nil where it has one MLP.
    public func experts(inBlock block: Int) -> RoutedExperts? {
        experts.flatMap { $0.isIn(block: block) && parts(inBlock: block).hasMLP ? $0 : nil }
    }

    /// How many tensors of a block a module has, for those that are counted: experts, and heads whose norms are tensors of their own.
    public func partCount(of module: Module) -> Int {
        switch module {
        case .queryNorm: return headCount
        case .keyNorm: return keyValueHeadCount
        default: return experts?.count ?? 0
        }
    }

    /// The intermediate size of blocks with one MLP; 0 where there are none.
    public var denseIntermediateSize: Int { experts?.isInAllBlocks == true ? 0 : intermediateSize }

    /// Whether a block has a part that some blocks or models of a family lack.
    public func has(_ module: Module, inBlock block: Int) -> Bool {
        let parts = parts(inBlock: block)
        if module.isOfAttention, parts.mixer != .attention { return false }
        if module.isOfStateSpace, parts.mixer != .stateSpace { return false }
        if module.isOfMLP, !parts.hasMLP { return false }
        if let has = hasAttention(module) { return has }
        if [.queryNorm, .keyNorm].contains(module) { return design.headNorm != .none }
        if [Module].mlp.contains(module) { return experts(inBlock: block) == nil }
        if [Module].sharedExpert.contains(module) { return (experts(inBlock: block)?.sharedSize ?? 0) > 0 }
        if module == .attentionNorm { return !design.skipsFirstNorm || block > 0 }
        if module == .router || module == .routerCorrection || [Module].experts.contains(module) { return experts(inBlock: block) != nil }
        return true
    }
}

import CLibrary

/// What compressing each layer and block of a model by itself does to its loss.
public struct ModelAnalysis: Encodable, Sendable {
    /// How a loss moves when one thing is changed.
    public struct Effect: Codable, Sendable {
        /// What was done.
        public let alternative: String
        /// The mean over the sequences of the loss's difference to the original's, nats a token; of an encoder of one less the cosine.
        public let rise: Double
        /// Of that mean, from the sequences' differences; nil for a single sequence.
        public let standardError: Double?

        init(_ alternative: String, _ losses: [Double], over original: [Double]) {
            let differences = zip(losses, original).map { $0 - $1 }
            let count = Double(differences.count)
            let mean = differences.reduce(0, +) / count
            let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            self.alternative = alternative
            rise = mean
            standardError = differences.count > 1 ? sqrt(squares / (count - 1) / count) : nil
        }

        /// Whether the loss falls by more than so many standard errors.
        func isFall(beyond errors: Double) -> Bool { standardError.map { rise < -errors * $0 } ?? false }
    }

    /// Singular values of a layer, largest first.
    public struct Spectra: Codable, Sendable {
        /// Of the matrix.
        public let whole: [Float]
        /// Of the low-rank part that robust PCA finds in it, as many as are not zero.
        public let lowRank: [Float]
        /// Share of the entries that it leaves to the sparse part.
        public let sparseShare: Double
    }

    public struct Layer: Codable, Sendable {
        public let name: String
        public let block: Int
        /// [out, in].
        public let shape: [Int]
        /// In the order of the alternatives, the removal last.
        public let effects: [Effect]
        /// Of some blocks' layers; nil for the others.
        public let spectra: Spectra?

        var kind: String { LayerName.kind(of: name, block: block) }
    }

    public struct Block: Codable, Sendable {
        public let block: Int
        /// Without all its linear layers: what it adds is nothing, biases apart. Nil for a block that runs by another's weights.
        public let removal: Effect?
        /// The mean over tokens of the cosine between what enters the block and what leaves it (block influence, ShortGPT, arXiv 2403.03853, is
        /// one less this).
        public let cosine: Double
    }

    /// By the folder's or the file's name.
    public let model: String
    /// Mean loss of the original, nats a token; of an encoder 0.
    public let loss: Double
    public let sequences: Int
    public let tokens: Int
    /// What was tried on each layer, as pipeline text.
    public let alternatives: [String: String]
    public let layers: [Layer]
    public let blocks: [Block]
    /// How many of `layers`' effects lower the loss by more than two standard errors.
    public let falls: Int
    /// How many of as many would if none did anything, by Student's distribution of as many sequences.
    public let fallsByChance: Double
    public let seconds: Double

    /// Standard errors beyond which a change is called one.
    static let noise = 2.0

    init(
        model: String, losses: [Double], tokens: Int, alternatives: [AnalysisAlternative], layers: [Layer], blocks: [Block], seconds: Double
    ) {
        self.model = model
        loss = losses.reduce(0, +) / Double(max(losses.count, 1))
        (sequences, self.tokens) = (losses.count, tokens)
        self.alternatives = Dictionary(alternatives.map { ($0.name, $0.pipeline.description) }) { first, _ in first }
        (self.layers, self.blocks, self.seconds) = (layers, blocks, seconds)
        let effects = layers.flatMap(\.effects)
        falls = effects.count { $0.isFall(beyond: ModelAnalysis.noise) }
        fallsByChance = Double(effects.count) * ModelAnalysis.chance(below: ModelAnalysis.noise, degrees: losses.count - 1)
    }

    /// That a number of Student's distribution lies so far below 0 (Abramowitz and Stegun, 26.7.3 and 26.7.4); 0 without a degree of freedom.
    static func chance(below distance: Double, degrees: Int) -> Double {
        guard degrees > 0 else { return 0 }
        let angle = atan(distance / sqrt(Double(degrees)))
        let (sine, cosine) = (sin(angle), cos(angle))
        let isOdd = degrees % 2 == 1
        var term = isOdd ? cosine : 1
        var sum = degrees == 1 ? 0 : term
        for k in stride(from: isOdd ? 3 : 2, through: degrees - 2, by: 2) {
            term *= cosine * cosine * Double(k - 1) / Double(k)
            sum += term
        }
        return (1 - (isOdd ? 2 / Double.pi * (angle + sine * sum) : sine * sum)) / 2
    }

    /// Where the loss falls beyond noise, the surest first.
    public var fallingLayers: [(layer: Layer, effect: Effect)] {
        func sureness(_ effect: Effect) -> Double { effect.rise / max(effect.standardError ?? 0, 1e-300) }
        return layers.flatMap { layer in layer.effects.map { (layer: layer, effect: $0) } }
            .filter { $0.effect.isFall(beyond: ModelAnalysis.noise) }
            .sorted { (sureness($0.effect), $0.layer.name) < (sureness($1.effect), $1.layer.name) }
    }
}

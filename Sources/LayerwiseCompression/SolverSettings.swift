import CLibrary

/// The numbers of the layerwise solvers that are no option of a pass, each with the equation that it stands in. H is the second moment
/// XᵀX / N of a layer's inputs, W its weight, E the error of W.
public struct SolverSettings: Sendable {
    /// What makes H positive definite.
    public var damping: Damping
    /// What makes a root of H invertible.
    public var whitening: Whitening
    /// ε of D = max(√Hⱼⱼ, ε · max √Hⱼⱼ), so that W·D can be scaled back (OATS, arXiv 2409.13652: D = √diag(XᵀX)).
    public var leastInputNorm: Float = 1e-4
    /// How the support of a sparse part is found.
    public var support = Support()
    /// How the values of a sparse part are found.
    public var values = Values()
    /// Rounds of S for a fixed L, then L for a fixed S (as OATS, arXiv 2409.13652, algorithm 1, in the metric of H).
    public var alternations = 3
    /// How the penalty of alternating directions grows.
    public var penalty = Penalty()
    /// How measured sensitivities become weights of layers.
    public var allocation = Allocation()
    /// How curvatures become prices of single rows.
    public var prices = Prices()

    /// H + δ · mean(diag H) · I (SparseGPT, arXiv 2301.00774, algorithm 1; GPTQ, arXiv 2210.17323, section 3.3, step 3).
    public struct Damping: Sendable {
        /// δ.
        public var share: Float = 0.01
        /// What is added where all inputs are zero.
        public var ofZero: Float
        /// Whether the mean is summed in double precision. The two differ in the last bits, which outputs keep.
        public var sumsInDouble: Bool
    }

    /// C = Q√Λ of H = QΛQᵀ, so that tr(E H Eᵀ) = ‖E·C‖²_F (SVD-LLM, arXiv 2403.07378, section 3.2).
    public struct Whitening: Sendable {
        /// Eigenvalues below this share of the largest are rounding, and count as it.
        public var eigenvalueFloor: Float
        /// Whether C⁻¹ = √Λ⁻¹Qᵀ is made by division, and not by products with 1/√λ. The two differ in the last bit, which outputs keep.
        public var divides: Bool
    }

    /// ADMM for min tr((R − S) H (R − S)ᵀ) with k non-zeros in S (ALPS, arXiv 2406.07831, section 3.2, algorithm 1).
    public struct Support: Sendable {
        /// ρ of the first steps and of the last, on H scaled; between them it grows by the same factor each time.
        public var (firstPenalty, lastPenalty): (Float, Float) = (0.4, 1.3)
        /// Steps from one change of ρ to the next.
        public var stepsAtOnePenalty = 2
        /// α of αW + (1 − α)D, which stands for W in what follows it (Boyd et al., Distributed Optimization and Statistical Learning via ADMM,
        /// 2011, section 3.4.3, which has 1.5 to 1.8).
        public var relaxation: Float = 1.5
        /// Steps for a support that is final, and for one that the other part of the layer still moves.
        public var (finalSteps, roughSteps) = (20, 10)

        /// ρ of a step: first · (last/first)^(j/(J − 1)) for the j-th of J penalties.
        func penalty(ofStep step: Int, of steps: Int) -> Float {
            let last = (steps - 1) / stepsAtOnePenalty
            let share = last > 0 ? Float(step / stepsAtOnePenalty) / Float(last) : 1
            return firstPenalty * pow(lastPenalty / firstPenalty, share)
        }
    }

    /// ρ of alternating directions by how many places of the support changed (ALPS, arXiv 2406.07831, section 3.2 and appendix B).
    public struct Penalty: Sendable {
        /// ρ of the first steps, on H of unit diagonal.
        public var first: Float = 0.1
        /// Steps from one look at the support to the next.
        public var stepsBetweenChanges = 3
        /// The factor for changes of at least so large a share of the support, largest first; the last one is for any change.
        public var growth: [(share: Double, factor: Float)] = [(0.1, 1.3), (0.005, 1.2), (0, 1.1)]
        /// No support is final before, and none is looked for longer.
        public var (leastSteps, mostSteps) = (6, 300)

        /// ρ after `change` places of a support of `count` became others.
        func next(after penalty: Float, change: Int, of count: Int) -> Float {
            penalty * (growth.first { Double(change) >= $0.share * Double(count) }?.factor ?? 1)
        }
    }

    /// Values on a support: H[Q, Q] of each row, solved exactly or by conjugate gradients (Golub and Van Loan, Matrix Computations, 11.3).
    public struct Values: Sendable {
        /// Steps that conjugate gradients are taken to need: a row is solved exactly where |Q|³/3 ≤ steps · 2n².
        public var usualSteps = 6
        /// A row is finished when a step saves no more than this share of what its error then is.
        public var leastSaving: Float = 2e-4
        /// Most steps.
        public var mostSteps = 100
    }

    /// αₗ = t · log(Δₗ / eₗ) + (1 − t) · log(1 / θₗ): the log weight of a layer, from the rise Δ of the loss and its output error e when it alone
    /// is pruned hard, and the score θ that keeps the same density of every layer.
    public struct Allocation: Sendable {
        /// t: layers do not add up when all are pruned, and a rise is measured on few sequences.
        public var trust = 0.5
        /// A layer is measured at this share of the budget's density, where the rise of the loss stands out of the noise.
        public var measuredShare = 0.4
        /// Rises below this share of the median are taken as that: a layer that seems to cost nothing is cheap, not free.
        public var floorShare = 0.3
        /// The least rise, in nats.
        public var leastRise = 1e-6
    }

    /// Errors δ of row r cost ½ · rowsᵣ · δ H δᵀ (K-FAC, arXiv 1503.05671); rows are drawn together, because calibration texts are short.
    public struct Prices: Sendable {
        /// rowsᵣ ← (1 − s)·rowsᵣ + s · mean: what calibration never used may be used yet.
        public var leastShare = 0.02
        /// The same for the rows of an embedding, one a token.
        public var embeddingShare = 0.4
        /// rowsᵣ ← s · mean · √rowsᵣ / mean(√rows) for the rows of a head.
        public var headShare = 0.5
    }

    public init(damping: Damping, whitening: Whitening) { (self.damping, self.whitening) = (damping, whitening) }
}

extension SolverSettings.Damping {
    /// For column by column error correction; inputs that are always zero have been given 1 on the diagonal.
    public static let ofErrorCorrection = SolverSettings.Damping(ofZero: 1, sumsInDouble: true)
    /// For supports and values of sparse parts.
    public static let ofLeastSquares = SolverSettings.Damping(ofZero: .leastNormalMagnitude, sumsInDouble: false)
}

extension SolverSettings.Whitening {
    /// For one truncation, as SVD-LLM has it.
    public static let ofTruncation = SolverSettings.Whitening(eigenvalueFloor: 1e-6, divides: false)
    /// For a low-rank part beside a sparse one.
    public static let ofAlternation = SolverSettings.Whitening(eigenvalueFloor: 1e-5, divides: true)
}

extension SolverSettings {
    /// Of passes that make low-rank and sparse parts together.
    public static let lowRankAndSparse = SolverSettings(damping: .ofLeastSquares, whitening: .ofAlternation)
    /// Of passes that find supports by alternating directions: values are solved until rounding ends it.
    public static var twoBlocks: SolverSettings {
        var settings = lowRankAndSparse
        settings.values.leastSaving = 1e-12
        settings.values.mostSteps = 200
        return settings
    }
    /// The same with a low-rank block: ρ grows slowly, so that rank and entries have time to settle who takes what.
    public static var threeBlocks: SolverSettings {
        var settings = twoBlocks
        settings.penalty.growth = [(0.1, 1.1), (0.005, 1.05), (0, 1.02)]
        return settings
    }
    /// Of passes that make one of them, or codes.
    public static let single = SolverSettings(damping: .ofErrorCorrection, whitening: .ofTruncation)
}

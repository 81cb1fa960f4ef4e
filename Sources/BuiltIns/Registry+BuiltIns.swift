import ALPS
import BESA
import BlockMatching
import CAP
import CapletFormat
import Distillation
import GGUFFormat
import LPAF
import LoSparse
import MagnitudePruning
import NPYFormat
import OATS
import PassKit
import PostTrainingQuantization
import ProbabilisticPruning
import PyTorchFormat
import RPCA
import Refit
import SafetensorsFormat
import SparseGPT
import ThreeBlock
import TruncatedSVD
import Wanda

extension Registry {
    /// Everything that comes with Caplet. A new format or pass is one line here.
    public static var builtIn: Registry {
        Registry(
            formats: [
                CapletFormat(),
                SafetensorsFormat(),
                GGUFFormat(),
                NPYFormat(),
                PyTorchFormat(),
            ],
            passes: PassCatalog([
                RPCAPass.self,
                ProbabilisticPruningPass.self,
                CAPPass.self,
                MatchPass.self,
                RefitPass.self,
                DistillPass.self,
                MagnitudePass.self,
                WandaPass.self,
                BESAPass.self,
                SparseGPTPass.self,
                TruncatedSVDPass.self,
                OATSPass.self,
                ALPSPass.self,
                ThreeBlockPass.self,
                LoSparsePass.self,
                LPAFPass.self,
                QuantizePass.self,
            ]))
    }
}
